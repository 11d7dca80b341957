"""The body of a request, read whole before anything else is done with it.

Nothing here waits in a thread. What is small stays in memory, the rest goes to a file without a name, which the kernel
removes with the process whatever happens to it.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from typing import IO

from app.errors import TooLarge
from app.listener.connections import Receive
from app.server.limits import Limits
from app.server.refusals import ClientLeft, RequestTimeout, busy


class Room:
    """How many bytes all bodies of a process hold, in memory and in files."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.memory = 0
        self.disk = 0

    def take(self, *, memory: int = 0, disk: int = 0) -> None:
        """Count bytes that are to be held. Raises Unavailable where there are too many."""
        if self.memory + memory > self._limits.memory_bytes or self.disk + disk > self._limits.disk_bytes:
            raise busy("Too many uploads are under way.")
        self.memory += memory
        self.disk += disk

    def give(self, *, memory: int = 0, disk: int = 0) -> None:
        """Count bytes that are held no more."""
        self.memory -= memory
        self.disk -= disk


class Body:
    """What has come of one body."""

    def __init__(self, limits: Limits, room: Room) -> None:
        self._limits = limits
        self._room = room
        self._file: IO[bytes] = io.BytesIO()
        self._spooled = False
        self.size = 0

    @property
    def file(self) -> IO[bytes]:
        """Give all of it from the start."""
        self._file.seek(0)
        return self._file

    async def add(self, piece: bytes) -> None:
        """Keep one more piece. Raises TooLarge, and Unavailable where there is no room for it."""
        if self.size + len(piece) > self._limits.body_bytes:
            raise too_large(self._limits)
        if not self._spooled and self.size + len(piece) > self._limits.spool_bytes:
            await self._spool()
        if self._spooled:
            self._room.take(disk=len(piece))
            self.size += len(piece)
            await self._write(piece)
        else:
            self._room.take(memory=len(piece))
            self.size += len(piece)
            self._file.write(piece)

    async def _spool(self) -> None:
        """Move it from memory to a file."""
        kept = self._file.getvalue() if isinstance(self._file, io.BytesIO) else b""
        self._room.take(disk=len(kept))
        self._room.give(memory=len(kept))
        self._spooled = True
        try:
            self._file = await asyncio.to_thread(tempfile.TemporaryFile, dir=self._limits.folder)
        except OSError as fault:
            raise busy("Uploads cannot be kept at the moment.") from fault
        await self._write(kept)

    async def _write(self, piece: bytes) -> None:
        """Write to the file in another thread: a slow disk must not hold up the others."""
        try:
            await asyncio.to_thread(self._file.write, piece)
        except OSError as fault:
            raise busy("Uploads cannot be kept at the moment.") from fault

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
        self._room.give(**{"disk" if self._spooled else "memory": self.size})
        self.size = 0


class _Pace:
    """Whether a body comes fast enough."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        now = time.monotonic()
        self._ends = now + limits.body_s
        self._window_ends = now + limits.window_s
        self._window_bytes = 0

    def seconds_left(self) -> float:
        """Give for how long to wait for the next piece. Raises RequestTimeout where the body has been too slow."""
        now = time.monotonic()
        if now >= self._ends:
            raise RequestTimeout(f"The request was not whole within {self._limits.body_s:.0f} seconds.")
        if now >= self._window_ends:
            if self._window_bytes < self._limits.window_bytes:
                raise RequestTimeout(
                    f"Fewer than {self._limits.window_bytes} bytes came in {self._limits.window_s:.0f} seconds. "
                    "Send the same request again over a better connection."
                )
            self._window_ends, self._window_bytes = now + self._limits.window_s, 0
        return min(self._ends, self._window_ends) - now

    def count(self, size: int) -> None:
        """Count what came."""
        self._window_bytes += size


async def read_body(receive: Receive, body: Body, limits: Limits) -> None:
    """Read all of a request's body. Raises RequestTimeout, TooLarge, Unavailable, or ClientLeft."""
    pace = _Pace(limits)
    more = True
    while more:
        try:
            async with asyncio.timeout(pace.seconds_left()):
                message = await receive()
        except TimeoutError:
            continue
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece = message.get("body", b"")
        pace.count(len(piece))
        more = message.get("more_body", False)
        if piece:
            await body.add(piece)


def too_large(limits: Limits) -> TooLarge:
    """Say how large a request may be."""
    return TooLarge(f"A request may have at most {limits.body_bytes} bytes.")
