"""E-mail: by SMTP, or into a folder while developing."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from threading import Timer
from urllib.parse import SplitResult, unquote, urlsplit

from app.errors import SettingsFault
from app.notify.channels import Answer, Message, Never, TryLater
from app.notify.outbound import trusted

PATIENCE_S = 10
DEADLINE_S = 30
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OK = range(200, 300)
_FOR_GOOD = range(500, 600)
# RFC 5321 section 4.2.3: no such mailbox, not here, not a mailbox name.
_NO_MAILBOX = (550, 551, 553)
# RFC 3463: 5.7.x is a policy (relaying, reputation), which says nothing about the mailbox.
_POLICY = re.compile(r"\s*5\.7\.")


def letter(message: Message, *, sender: str, host: str, encoding: str | None = None) -> EmailMessage:
    """Write a message as multipart/alternative (RFC 2046) of text and HTML.

    Message-ID comes from the delivery and ``host``: every try carries the same one. Auto-Submitted (RFC 3834) keeps
    out-of-office robots from answering. ``encoding`` is the content transfer encoding; none lets the library choose
    one that every server takes.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.delivery_id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = message.language
    if message.end_url:  # RFC 8058: a mail program ends it by one POST, without asking for anything
        mail["List-Unsubscribe"] = f"<{message.end_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.text, cte=encoding)
    mail.add_alternative(message.html, subtype="html", cte=encoding)
    mail.set_boundary(f"=_{message.delivery_id.hex}")
    return mail


@dataclass(frozen=True, slots=True)
class SmtpMail:
    """Mail over SMTP. ``url``: ``smtp://user:password@host:587`` (STARTTLS when offered) or ``smtps://...:465``.

    An answer about us (greeting, sign-in, sender) is tried again whatever its code: a wrong password must not lose
    the mail of a day. An answer about the recipient or the content is final from 500 on.
    """

    url: str = field(repr=False)
    sender: str
    host: str
    deadline_s: float = DEADLINE_S
    context: ssl.SSLContext = field(default_factory=trusted)

    def __post_init__(self) -> None:
        """Refuse an address that cannot be used."""
        parts = urlsplit(self.url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsFault("SMTP_URL is neither smtp://host nor smtps://host. See docs/settings.md.")

    def send(self, message: Message) -> Answer:
        """Hand a message to the server; each step waits at most 10 seconds, and all of them at most 30."""
        mail = letter(message, sender=self.sender, host=self.host)
        parts = urlsplit(self.url)
        server = _TimedSmtps(self.host, self.context) if parts.scheme == "smtps" else _TimedSmtp(self.host)
        try:
            with _ended_after(self.deadline_s, server):
                self._connect(server, parts)
                return _hand_over(server, parseaddr(self.sender)[1], message.address, mail.as_bytes())
        except (OSError, smtplib.SMTPException) as fault:
            raise TryLater(_say(fault)) from fault
        finally:
            server.close()

    def _connect(self, server: smtplib.SMTP, parts: SplitResult) -> None:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        code, text = server.connect(host, port)
        if code not in _OK:
            raise smtplib.SMTPConnectError(code, text)
        _secure(server, self.context, parts.scheme == "smtps")
        if parts.username:
            _sign_in(server, unquote(parts.username), unquote(parts.password or ""), host)


class _TimedSmtp(smtplib.SMTP):
    """A connection that another thread can end, in the middle of a reply or of the handshake of TLS too."""

    def __init__(self, name: str) -> None:
        super().__init__(local_hostname=name, timeout=PATIENCE_S)
        self.line: socket.socket | None = None
        self.is_over = False

    def end(self) -> None:
        """End it: whatever waits for the server waits no more."""
        self.is_over = True
        if self.line is not None:
            with suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        super().close()
        if self.line is not None:
            self.line.close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._host = host  # what smtplib compares the certificate with after STARTTLS
        connected = socket.create_connection((host, port), timeout)
        # The same line under another number: TLS takes the first one away.
        self.line = connected.dup()
        if self.is_over:
            self.end()
        return self._begin(connected, host)

    def _begin(self, connected: socket.socket, host: str) -> socket.socket:  # noqa: ARG002  # TLS needs it
        return connected


class _TimedSmtps(_TimedSmtp):
    """The same, with TLS from the beginning."""

    def __init__(self, name: str, context: ssl.SSLContext) -> None:
        super().__init__(name)
        self._context = context

    def _begin(self, connected: socket.socket, host: str) -> socket.socket:
        return self._context.wrap_socket(connected, server_hostname=host)


@contextmanager
def _ended_after(seconds: float, server: _TimedSmtp) -> Iterator[None]:
    """End a conversation that takes longer, however slowly the server drips: a socket's time-out is of each piece."""
    timer = Timer(seconds, server.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, smtplib.SMTPException) as fault:
        if server.is_over:
            raise TimeoutError(f"It took longer than {seconds:g} seconds.") from fault
        raise
    finally:
        timer.cancel()


def _secure(server: smtplib.SMTP, context: ssl.SSLContext, secure: bool) -> None:
    server.ehlo_or_helo_if_needed()
    if not secure and server.has_extn("starttls"):
        server.starttls(context=context)
        server.ehlo()


def _sign_in(server: smtplib.SMTP, user: str, password: str, host: str) -> None:
    if not isinstance(server.sock, ssl.SSLSocket) and host not in _LOOPBACK:
        raise TryLater("The mail server offers no STARTTLS; the password is not sent in the clear.")
    server.login(user, password)


def _hand_over(server: smtplib.SMTP, sender: str, address: str, content: bytes) -> Answer:
    code, text = server.mail(sender)
    if code not in _OK:
        raise TryLater(f"MAIL FROM: {_line(code, text)}")
    code, text = server.rcpt(address)
    if code in _FOR_GOOD:
        raise Never(_line(code, text), ends=code in _NO_MAILBOX and not _POLICY.match(_plain(text)))
    if code not in _OK:
        raise TryLater(_line(code, text))
    code, text = server.data(content)
    if code in _FOR_GOOD:
        raise Never(_line(code, text))
    if code not in _OK:
        raise TryLater(_line(code, text))
    # The mail is taken. A QUIT that failed now would look like a mail that was not: the caller closes instead.
    return Answer(_line(code, text))


def _plain(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _line(code: int, text: bytes | str) -> str:
    return f"{code} {_plain(text)}"


def _say(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        return _line(fault.smtp_code, fault.smtp_error)
    return f"{type(fault).__name__}: {fault}"


@dataclass(frozen=True, slots=True)
class FolderMail:
    """Mail as files, for development: one ``<time>-<delivery id>.eml`` per delivery, however often it is tried."""

    root: Path
    sender: str
    host: str

    def send(self, message: Message) -> Answer:
        """Write the mail beside its place and move it there, so that nobody reads half of one."""
        self.root.mkdir(parents=True, exist_ok=True)
        place = self.root / f"{message.at:%Y%m%dT%H%M%SZ}-{message.delivery_id}.eml"
        draft = place.with_suffix(f".{os.getpid()}.tmp")
        draft.write_bytes(letter(message, sender=self.sender, host=self.host, encoding="8bit").as_bytes())
        draft.replace(place)
        return Answer(f"written to {place.name}")
