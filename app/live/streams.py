"""An open stream: a bounded queue between the hub, which hands out, and the task that writes to one client."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from app.accounts.service import Person

QUEUE_MOST = 64
FEED_MOST = QUEUE_MOST // 2
FEED_SECONDS = 60.0


class Wire(Protocol):
    """The connection below a stream."""

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""
        ...


@dataclass(eq=False, slots=True, kw_only=True)
class Stream:
    """What is to be written to one client. ``last`` is the farewell once it is ``closed``."""

    wire: Wire
    address: str = ""
    slot: int = 0
    closed: bool = False
    last: bytes = b""
    # Being seated: it is told what it missed by its own reading, and no line is handed to it meanwhile.
    pending: bool = True
    _queue: deque[bytes] = field(default_factory=lambda: deque(maxlen=QUEUE_MOST + 1))
    _reader: asyncio.Future[None] | None = None
    _feeder: asyncio.Future[None] | None = None

    def push(self, chunk: bytes) -> None:
        """Queue a frame; a client that does not keep up loses its connection, and comes back for the rest."""
        if self.closed:
            return
        if len(self._queue) >= QUEUE_MOST:
            self.drop()
            return
        self._queue.append(chunk)
        self._wake()

    async def feed(self, chunk: bytes) -> None:
        """Queue a frame once there is much room: a long past goes as fast as the client reads."""
        while len(self._queue) >= FEED_MOST and not self.closed:
            self._feeder = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self._feeder, FEED_SECONDS)
            except TimeoutError:
                self.drop()
        self.push(chunk)

    def ping(self, chunk: bytes) -> None:
        """Queue a comment where nothing else is waiting."""
        if not self._queue:
            self.push(chunk)

    async def take(self) -> bytes:
        """Wait for what is to be written; empty once the stream is closed and everything was taken."""
        while not self._queue and not self.closed:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        taken = b"".join(self._queue)
        self._queue.clear()
        if self._feeder is not None and not self._feeder.done():
            self._feeder.set_result(None)
        return taken

    def close(self, last: bytes = b"") -> None:
        """End it: what is queued is still written, then ``last``."""
        self.closed, self.last = True, self.last or last
        self._wake()
        if self._feeder is not None and not self._feeder.done():
            self._feeder.set_result(None)

    def drop(self) -> None:
        """Cut it off."""
        self._queue.clear()
        self.close()
        self.wire.abort()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


@dataclass(eq=False, slots=True, kw_only=True)
class ReporterStream(Stream):
    """The stream of one report; ``number`` is the last line of its work order that it was handed."""

    report_id: UUID
    work_order_id: UUID
    number: int = 0
    touched: bool = False


@dataclass(eq=False, slots=True, kw_only=True)
class StaffStream(Stream):
    """The stream of somebody of the staff; ``place`` is up to where of the ring they were handed lines."""

    token: str = field(repr=False)
    person: Person
    unit: str | None = None
    street: str | None = None
    place: int = 0
