"""The streams of one process: their application, the work beside it, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from app.accounts.service import find_person
from app.config import Settings
from app.db import Reading, Snapshot
from app.listener.serving import Work
from app.live.asgi import Live
from app.live.farewell import comeback
from app.live.frames import retry
from app.live.hub import Hub
from app.live.listen import listen

READERS = 4


class Streams:
    """One hub with its application. The database must be open (``app.open_process``)."""

    def __init__(self, settings: Settings) -> None:
        read = make_reader()
        self._hub = Hub(read)
        self.app = Live(settings, self._hub, read)
        self.works: tuple[Work, ...] = (
            self._hub.work, self._hub.ping, self._hub.check, lambda: listen(settings, self._hub),
        )  # fmt: skip

    def close(self) -> None:
        """Ask every client to come back at a time of its own."""
        open_now = len(self._hub.streams)
        for stream in list(self._hub.streams):
            stream.close(retry(comeback(open_now)))


def make_reader() -> Callable[..., Any]:
    """Give what runs a reading of the database in a thread of its own, all of it at one moment.

    Where a report belongs and how it came there are several statements: a move between them would break the trail.
    """
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")

    def work(reading: Callable[..., Any], *values: Any, **named: Any) -> Any:
        sessions = Reading if reading is find_person else Snapshot  # a token's last use is noted
        with sessions() as session:
            return reading(session, *values, **named)

    async def read(reading: Callable[..., Any], *values: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: work(reading, *values, **named))

    return read
