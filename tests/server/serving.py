"""The gateway over a small WSGI application, served in a thread of the test; and clients on raw sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.listener.connections import ConnectionLimits
from app.listener.serving import Service, run
from app.listener.sockets import bind
from app.server.gateway import Gateway
from app.server.limits import Limits

PATIENCE_S = 60.0
POST = b"POST /echo HTTP/1.1\r\nHost: city.example.org\r\n"

Environ = dict[str, Any]


@dataclass
class Application:
    """A WSGI application that notes its requests. ``/hold`` waits for ``go``, ``/large`` answers without end."""

    requests: list[Environ] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        self.requests.append(environ)
        self.bodies.append(body)
        if environ["PATH_INFO"] == "/hold":
            self.held.release()
            assert self.go.wait(PATIENCE_S)
        start("200 OK", [("Content-Type", "text/plain")])
        return _Endless(self.closed) if environ["PATH_INFO"] == "/large" else [f"{len(body)} bytes".encode()]


class _Endless:
    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield bytes(1024 * 1024)

    def close(self) -> None:
        self._closed.set()


@dataclass
class Site:
    """A served application, and what its clients have."""

    app: Application
    port: int
    gateway: Gateway
    clients: list[socket.socket] = field(default_factory=list)

    def send(self, data: bytes = b"") -> socket.socket:
        """Connect and send."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        self.clients.append(client)
        client.sendall(data)
        return client

    def ask(self, data: bytes) -> bytes:
        """Send a whole request and give the answer."""
        return read_answer(self.send(data))


def read_answer(client: socket.socket) -> bytes:
    """Read one answer with its length, or up to the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data and (piece := client.recv(65536)):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length:" in line), 0)
    while len(body) < length and (piece := client.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


def read_end(client: socket.socket) -> bytes:
    """Read until the server closes the connection; what it says before is given."""
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionError:
        pass
    return data


def status(answer: bytes) -> int:
    """Give the status of an answer."""
    return int(answer.split(b" ", 2)[1])


@contextmanager
def served(
    folder: Path, *, connections: ConnectionLimits | None = None, grace_s: float = 20.0, **limits: Any
) -> Iterator[tuple[Site, Callable[[], None]]]:
    """Serve; gives the site, and what tells the server to end and waits for it."""
    app = Application()
    taken: dict[str, Any] = {"body_bytes": 1_000_000, "folder": folder, "linger_s": 0.2} | limits
    gateway = Gateway(app, Limits(**taken), public_url="")
    service = Service(app=gateway, limits=connections or ConnectionLimits(), grace_s=grace_s)
    listener = bind("127.0.0.1", 0)
    site = Site(app, listener.getsockname()[1], gateway)
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    def serve() -> None:
        # All in this thread: the browser's driver keeps a loop in the main thread of the tests.
        loop.run_until_complete(run(service, listener, stop=ending))
        loop.run_until_complete(loop.shutdown_default_executor())

    thread = threading.Thread(target=serve)
    thread.start()

    def stop() -> None:
        loop.call_soon_threadsafe(ending.set)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()

    try:
        yield site, stop
    finally:
        app.go.set()
        for client in site.clients:
            client.close()
        if thread.is_alive():
            stop()
        loop.close()
        listener.close()
