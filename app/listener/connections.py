"""The connections of a process: how long each may take to send the head of a request, and how long it may be idle.

uvicorn waits for a head for ever and has no limit of its size. ``Connection`` stands between the transport and
uvicorn's protocol: it passes everything on and counts. The request that an application gets has its connection in
``scope["state"]["connection"]``.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SWEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one connection may take while no request of it is under way, and how many there may be.

    ``idle_s`` is more than the 60 seconds for which nginx keeps a connection to us: whoever closes first must be nginx,
    or a request that it sends meanwhile is lost.
    """

    head_s: float = 15.0
    idle_s: float = 75.0
    head_bytes: int = 64 * 1024
    most: int = 4_000


class Connections:
    """All connections of a process; ``_waiting`` are those without a request under way, longest waiting first."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def make_protocol(self, **given: Any) -> Connection:
        """Make the protocol of a new connection, as uvicorn asks for it."""
        return Connection(self, **given)

    def enter(self, connection: Connection) -> None:
        """Add a connection. Where there are too many, the one that has waited longest is closed for it."""
        if len(self._open) >= self.limits.most:
            next(iter(self._waiting), connection).abort()
        self._open.add(connection)
        self.wait(connection, self.limits.head_s)

    def wait(self, connection: Connection, seconds: float) -> None:
        """Close the connection unless it sends a whole head within so many seconds."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = time.monotonic() + seconds

    def stop_waiting(self, connection: Connection) -> None:
        """Let it take as long as the request under way takes."""
        self._waiting.pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    async def sweep(self) -> None:
        """Close what waits for too long, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for connection in [each for each, ends in self._waiting.items() if ends <= now]:
                connection.close()


class Connection(asyncio.Protocol):
    """One connection: uvicorn's protocol behind it, and what is known of it before and between its requests."""

    def __init__(self, connections: Connections, *, app_state: dict[str, Any], **given: Any) -> None:
        self.on_lost: Callable[[], None] | None = None
        self.full = False
        self._connections = connections
        self._inner = HttpToolsProtocol(app_state={**app_state, "connection": self}, **given)
        self._running = 0
        self._head_bytes = 0

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a head."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream socket has no other
        self._transport = transport
        self._inner.connection_made(transport)
        self._connections.enter(self)

    def data_received(self, data: bytes) -> None:
        """Count what comes before there is a request."""
        if not self._running:
            if not self._head_bytes:
                self._connections.wait(self, self._connections.limits.head_s)
            self._head_bytes += len(data)
        self._inner.data_received(data)
        if self._head_bytes > self._connections.limits.head_bytes:
            # Not at once: what came may be a whole head with much of a body, whose request begins before this does.
            asyncio.get_running_loop().call_soon(self._require_request)

    def eof_received(self) -> None:
        """Pass it on."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """Note that what is written waits for the client."""
        self.full = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Note that there is room again."""
        self.full = False
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever writes to it."""
        self._connections.leave(self)
        self._inner.connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    # What the application tells

    def begin(self) -> None:
        """Note that a request is under way."""
        self._running += 1
        self._head_bytes = 0
        self._connections.stop_waiting(self)

    def end(self) -> None:
        """Note that it was answered."""
        self._running -= 1
        if not self._running and not self._transport.is_closing():
            self._connections.wait(self, self._connections.limits.idle_s)

    @property
    def lost(self) -> bool:
        """Tell whether nothing that is written arrives any more."""
        return self._transport.is_closing()

    def bound_writes(self, ours: int, kernel: int) -> None:
        """Bound the bytes that wait for a slow reader, in our memory and in that of the kernel."""
        self._transport.set_write_buffer_limits(high=ours)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kernel)

    def close(self) -> None:
        """Close it; an answer that its client does not read is not waited for."""
        if self._transport.get_write_buffer_size():
            self.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""
        self._transport.abort()

    def _require_request(self) -> None:
        if not self._running and self._head_bytes > self._connections.limits.head_bytes:
            self.abort()


def tracked(app: Application) -> Application:
    """Let every connection know when its requests begin and end."""

    async def track(scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope["state"]["connection"]
        connection.begin()
        try:
            await app(scope, receive, send)
        finally:
            connection.end()

    return track
