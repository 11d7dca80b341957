"""uvicorn as it serves streams: it knows its connections, bounds what waits in them, and says good-bye.

ASGI has no word for closing a connection at once, which is what a client that does not read needs; so the
protocol puts a wire into the state of each request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server as UvicornServer

from app.live.farewell import comeback
from app.live.frames import retry
from app.live.hub import Hub

BUFFER_BYTES = 16 * 1024  # of ours, for each connection; more waits in its queue
KERNEL_BYTES = 32 * 1024  # Linux doubles it for its own use
UNANSWERED_MILLISECONDS = 60_000
GRACE_SECONDS = 3
BACKLOG = 4096


class Wire:
    """The connection below a request."""

    __slots__ = ("_transport", "on_lost")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.on_lost: Callable[[], None] | None = None

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""
        self._transport.abort()

    def lose(self) -> None:
        """Say that it is gone."""
        if self.on_lost is not None:
            self.on_lost()


class Protocol(H11Protocol):
    """HTTP/1.1 with a wire in the state of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Make the wire."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=BUFFER_BYTES)
        self.wire = Wire(transport)
        self.app_state = {"wire": self.wire}

    def connection_lost(self, exc: Exception | None) -> None:
        """End the stream of this connection."""
        super().connection_lost(exc)
        self.wire.lose()


class Server(UvicornServer):
    """A server that ends its streams before it waits for its connections."""

    def __init__(self, config: Config, hub: Hub, works: Callable[[], list[Any]]) -> None:
        super().__init__(config)
        self._hub = hub
        self._works = works

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the work of the hub with the server."""
        self._running = [asyncio.create_task(self._watch(work)) for work in self._works()]
        await super().startup(sockets)

    async def _watch(self, work: Any) -> None:
        """End the process where a part of it ends: a stream that hears nothing is worse than none."""
        try:
            await work
        finally:
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask every client to come back at a time of its own, then end."""
        for task in self._running:
            task.cancel()
        open_now = len(self._hub.streams)
        for stream in list(self._hub.streams):
            stream.close(retry(comeback(open_now)))
        await super().shutdown(sockets)


def make_server(app: Any, hub: Hub, works: Callable[[], list[Any]]) -> Server:
    """Make the server; it logs no requests, for their paths hold secrets."""
    config = Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    return Server(config, hub, works)


def bind(host: str, port: int, path: str = "") -> socket.socket:
    """Listen on an address, or on a Unix socket; what is set here holds for every connection."""
    if path:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(path)
    else:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MILLISECONDS)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind(address)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
    bound.listen(BACKLOG)
    bound.setblocking(False)  # noqa: FBT003  # positional by its nature
    return bound
