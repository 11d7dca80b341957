"""An HTTPS server of a test: a certificate made here, answers as told, requests kept."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.notify.outbound import Outbound
from tests.waiting import PATIENCE_S

NAME = "hooks.example.org"
PUBLIC = "93.184.215.14"


@dataclass
class Taken:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """The server: ``status``, ``headers`` and ``body`` are its answer; ``raw`` writes one byte by byte instead."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    raw: Callable[[socket.socket], None] | None = None
    taken: list[Taken] = field(default_factory=list)
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    dialled: list[tuple[str, int]] = field(default_factory=list)

    def way(self, *answers: list[str], patience_s: float = PATIENCE_S) -> Outbound:
        """Give a way out whose resolver gives ``answers`` in turn, and whose public addresses all lead here."""
        left = iter(answers or [[PUBLIC]] * 1000)

        def dial(address: str, port: int, seconds: float) -> socket.socket:
            self.dialled.append((address, port))
            return socket.create_connection(("127.0.0.1", self.port), seconds)

        return Outbound(resolve=lambda *_: next(left), dial=dial, context=self.context, patience_s=patience_s)


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a key and a certificate of its own for a name; give the paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    paths[0].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


@contextmanager
def listening(folder: Path, name: str = NAME) -> Iterator[Listener]:
    """Run a server with a certificate for ``name``, which its ``way`` trusts."""
    key, certificate = make_certificate(folder, name)
    listener = Listener(context=ssl.create_default_context(cafile=str(certificate)))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            listener.taken.append(Taken(self.path, {n.lower(): v for n, v in self.headers.items()}, body))
            if listener.raw:
                listener.raw(self.connection)
                return
            self.send_response(listener.status)
            for each, value in {"Content-Length": str(len(listener.body)), **listener.headers}.items():
                self.send_header(each, value)
            self.end_headers()
            self.wfile.write(listener.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing: clients of these tests hang up."""

    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    listener.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
