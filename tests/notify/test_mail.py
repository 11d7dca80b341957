"""E-mail: what it looks like, and what each answer of a server comes to."""

from __future__ import annotations

import datetime as dt
import select
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.config import Settings
from app.errors import SettingsFault
from app.notify.channels import Answer, Message, Never, TryLater
from app.notify.mail import SmtpMail, _sign_in, letter
from app.notify.models import ChannelKind
from app.notify.senders import senders
from tests.notify.conftest import Server
from tests.ports import reserve_port

DELIVERY = UUID("01934f6e-0000-7000-8000-000000000002")
MESSAGE = Message(
    delivery_id=DELIVERY,
    address="one@example.org",
    language="zh",
    at=dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC),
    subject="已受理：路灯",
    text="感谢您的上报。\n",
    html="<p>感谢您的上报。</p>\n",
)


def mail(server: Server) -> SmtpMail:
    return SmtpMail(server.url, "City <reports@example.org>", "reports.example.org")


def test_a_mail_is_text_and_html_with_the_delivery_in_its_message_id() -> None:
    written = letter(MESSAGE, sender="City <reports@example.org>", host="reports.example.org")

    assert written.get_content_type() == "multipart/alternative"
    assert written["Message-ID"] == f"<{DELIVERY}@reports.example.org>"
    assert written["Auto-Submitted"] == "auto-generated"
    assert written["Subject"] == "已受理：路灯"
    assert written["Date"] == "Mon, 23 Nov 2026 02:00:00 +0000"
    assert [part.get_content_type() for part in written.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_is_the_same_at_every_try() -> None:
    first, second = (letter(MESSAGE, sender="reports@example.org", host="a.example.org").as_bytes() for _ in range(2))

    assert first == second


def test_a_server_that_takes_it_gives_its_answer(server: Server) -> None:
    answer = mail(server).send(MESSAGE)

    assert answer.text == "250 taken as 42"
    assert server.mails[0]["To"] == "one@example.org"
    body = server.mails[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "感谢您的上报。"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("RCPT", "450 4.2.1 busy"),
        ("RCPT", "452 4.5.3 too many"),
        ("DATA", "451 4.3.0 local error"),
        ("MAIL", "451 4.7.1 slow down"),
        ("MAIL", "550 5.7.1 this sender may not"),
    ],
)
def test_an_answer_for_now_or_about_us_is_tried_later(server: Server, command: str, said: str) -> None:
    server.answers[command] = said

    with pytest.raises(TryLater) as refusal:
        mail(server).send(MESSAGE)

    assert said in refusal.value.answer.text


@pytest.mark.parametrize(
    ("command", "said", "ends"),
    [
        ("RCPT", "550 5.1.1 no such mailbox", True),
        ("RCPT", "551 5.1.6 moved", True),
        ("RCPT", "553 5.1.3 no mailbox name", True),
        ("RCPT", "550 5.7.1 relaying denied", False),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("DATA", "554 5.7.1 looks like spam", False),
        ("DATA", "550 5.6.0 content refused", False),
    ],
)
def test_a_final_answer_about_recipient_or_content_is_never_tried_again(
    server: Server, command: str, said: str, ends: bool
) -> None:
    server.answers[command] = said

    with pytest.raises(Never) as refusal:
        mail(server).send(MESSAGE)

    assert said in refusal.value.answer.text
    assert refusal.value.ends is ends


def test_a_server_that_is_not_there_is_tried_later() -> None:
    with pytest.raises(TryLater, match="ConnectionRefusedError"):
        SmtpMail(f"smtp://127.0.0.1:{reserve_port()}", "reports@example.org", "a.example.org").send(MESSAGE)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_drips_is_left_when_the_whole_takes_too_long(scheme: str) -> None:
    """Each byte comes soon enough; the greeting would take hours, and so would the handshake of TLS."""
    was_left = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            taken, _ = listener.accept()
            with taken, suppress(OSError):
                while True:
                    taken.sendall(b"2" if scheme == "smtp" else b"\x16\x03\x03\x40\x00")
                    if select.select([taken], [], [], 0.01)[0] and not taken.recv(4096):
                        break
            was_left.set()

        thread = Thread(target=drip)
        thread.start()
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(TryLater, match=r"longer than 0\.3 seconds"):
            SmtpMail(url, "reports@example.org", "a.example.org", deadline_s=0.3).send(MESSAGE)
        thread.join()

    assert was_left.is_set()


def test_a_sign_in_that_the_server_does_not_know_is_tried_later(server: Server) -> None:
    url = server.url.replace("smtp://", "smtp://one:made%20up@")

    with pytest.raises(TryLater, match="SMTPNotSupportedError"):
        SmtpMail(url, "reports@example.org", "a.example.org").send(MESSAGE)

    assert not server.mails


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    server, (context, _) = Server(), certified(tmp_path)

    controller = Controller(server, hostname="127.0.0.1", port=server.port, tls_context=context)
    with running(controller), pytest.raises(TryLater, match="CERTIFICATE_VERIFY_FAILED"):
        mail(server).send(MESSAGE)

    assert not server.mails


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_user_and_password_go_over_an_encrypted_line(scheme: str, tmp_path: Path) -> None:
    server, (context, certificate) = Server(), certified(tmp_path)
    trusted = ssl.create_default_context(cafile=str(certificate))
    asked: list[Any] = []

    def authenticator(_server: Any, session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        asked.append((session.ssl is not None or scheme == "smtps", data.login, data.password))
        return AuthResult(success=True)

    secured = {"tls_context": context} if scheme == "smtp" else {"ssl_context": context, "auth_require_tls": False}
    controller = Controller(server, hostname="127.0.0.1", port=server.port, authenticator=authenticator, **secured)
    with running(controller):
        url = f"{scheme}://one:made%20up@127.0.0.1:{server.port}"
        SmtpMail(url, "reports@example.org", "a.example.org", context=trusted).send(MESSAGE)

    assert asked == [(True, b"one", b"made up")]
    assert len(server.mails) == 1


def test_many_mails_read_the_certificates_of_the_system_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    mail(server).send(MESSAGE)
    monkeypatch.setattr(ssl, "create_default_context", lambda: pytest.fail("they were read again"))

    mail(server).send(MESSAGE)

    assert len(server.mails) == 2


def test_a_wrong_password_is_tried_later() -> None:
    server = Server()

    def authenticator(*_asked: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    controller = Controller(
        server, hostname="127.0.0.1", port=server.port, authenticator=authenticator, auth_require_tls=False
    )
    url = server.url.replace("smtp://", "smtp://one:wrong@")
    with running(controller), pytest.raises(TryLater, match="535"):
        SmtpMail(url, "reports@example.org", "a.example.org").send(MESSAGE)

    assert not server.mails


def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(TryLater, match="in the clear"):
        _sign_in(smtplib.SMTP(), "one", "made up", "mail.example.org")


@contextmanager
def running(controller: Any) -> Iterator[None]:
    controller.start()
    try:
        yield
    finally:
        controller.stop()


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate of 127.0.0.1 that signs itself; give a server's context and the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


@pytest.mark.parametrize("url", ["http://mail.example.org", "smtp://", "mail.example.org:25"])
def test_an_address_that_is_no_mail_server_is_a_fault_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsFault, match="SMTP_URL"):
        SmtpMail(url, "reports@example.org", "a.example.org")


def test_without_a_server_mail_goes_to_the_folder_once_per_delivery(
    post_settings: Settings, inbox: Callable[[], list[EmailMessage]]
) -> None:
    channel = senders()[ChannelKind.EMAIL]

    for _ in range(2):
        channel.send(MESSAGE)

    assert [mail["Subject"] for mail in inbox()] == ["已受理：路灯"]
    assert [path.name for path in post_settings.mail_root.iterdir()] == [f"20261123T020000Z-{DELIVERY}.eml"]
    assert "感谢您的上报" in next(post_settings.mail_root.iterdir()).read_text("utf-8")


def test_an_answer_is_kept_without_the_address() -> None:
    answer = Answer("550 5.1.1 <One@Example.org>:\r\nrecipient one@example.org\x00 unknown" + "x" * 600)

    kept = answer.without("one@example.org")

    assert kept.startswith("550 5.1.1 <(address)>: recipient (address) unknown")
    assert len(kept) == 500
