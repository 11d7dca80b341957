"""A proxy in front of the S3 server of the tests that fails on request, and counts what reaches it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from io import BufferedIOBase
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S


class Fault(StrEnum):
    """What the proxy does with each request instead of passing it on."""

    SILENT = "takes the request and answers nothing"
    HALF = "sends half of the answer and then nothing"
    DRIP = "sends the answer byte by byte, for hours"
    BUSY = "answers 503"
    RESET = "resets the connection"
    REFUSED = "passes it on with a wrong signature"
    LOST = "passes it on and resets the connection instead of answering"


@dataclass(slots=True)
class Proxy:
    """The state of a proxy: its address, the fault it has now, and the requests that it saw."""

    endpoint: str
    upstream: tuple[str, int]
    fault: Fault | None = None
    requests: list[str] = field(default_factory=list)
    held: int = 0
    released: threading.Event = field(default_factory=threading.Event)


class _Handler(StreamRequestHandler):
    server: _Server

    def setup(self) -> None:
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            while self.one_request():
                pass

    def one_request(self) -> bool:
        request = read_message(self.rfile, self.wfile)
        if request is None:
            return False
        proxy = self.server.proxy
        proxy.requests.append(request.split(b"\r\n", 1)[0].decode())
        return answer(proxy, self.connection, request)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.request.close()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy
    tls: ssl.SSLContext | None

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: clients that go away in the middle are what this is for."""


@contextmanager
def failing_proxy(upstream: str, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Serve a proxy on a free port of this machine until the end of the block."""
    parts = urlsplit(upstream)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        address = f"{'https' if tls else 'http'}://localhost:{server.server_address[1]}"
        server.tls, server.proxy = tls, Proxy(address, (parts.hostname or "", parts.port or 0))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.proxy
        finally:
            server.proxy.released.set()
            server.shutdown()
            thread.join()


def read_message(stream: BufferedIOBase, back: BufferedIOBase) -> bytes | None:
    """Read a request with its body; None where the connection ends."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    if b"\r\nexpect:" in head.lower():
        back.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
    return head + stream.read(int(length))


def answer(proxy: Proxy, client: socket.socket, request: bytes) -> bool:
    """Answer a request as the fault of the moment wants; say whether the connection goes on."""
    match proxy.fault:
        case Fault.SILENT:
            return hold(proxy)
        case Fault.RESET:
            return reset(client)
        case Fault.BUSY:
            client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")
            return True
        case Fault.REFUSED:
            request = request.replace(b"Signature=", b"Signature=0", 1)
    return pass_on(proxy, client, request)


def pass_on(proxy: Proxy, client: socket.socket, request: bytes) -> bool:
    """Ask the server, and give its answer back as far as the fault of the moment lets it through."""
    fault, said = proxy.fault, ask_upstream(proxy.upstream, request)
    if fault is Fault.LOST:
        return reset(client)
    if fault is Fault.HALF:
        client.sendall(said[: len(said) // 2])
        return hold(proxy)
    if fault is Fault.DRIP:
        return drip(proxy, client, said)
    client.sendall(said)
    return False


def hold(proxy: Proxy) -> bool:
    """Do nothing with a connection until the proxy ends."""
    proxy.held += 1
    proxy.released.wait()
    return False


def drip(proxy: Proxy, client: socket.socket, said: bytes) -> bool:
    """Send an answer so slowly that no wait for the socket is long, and all of them together are."""
    proxy.held += 1
    for at in range(len(said)):
        client.sendall(said[at : at + 1])
        if proxy.released.wait(0.05):
            break
    return False


def reset(client: socket.socket) -> bool:
    """End a connection by RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    client.close()
    return False


def ask_upstream(address: tuple[str, int], request: bytes) -> bytes:
    """Pass a request on and give the whole answer."""
    head, _, body = request.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"expect:"))]
    with socket.create_connection(address, PATIENCE_S) as server:
        server.sendall(b"\r\n".join([*kept, b"Connection: close", b"", body]))
        return b"".join(iter(lambda: server.recv(1 << 16), b""))
