"""The bounded pool of threads that run the application."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.server.refusals import busy

Result = TypeVar("Result")


class Threads:
    """So many threads; a call waits for one in the loop, in the order of coming."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="request")
        self._free = asyncio.Semaphore(count)

    async def start(
        self, call: Callable[[], Result], context: contextvars.Context, *, within: float | None = None
    ) -> asyncio.Future[Result]:
        """Run a call in a thread. Raises Unavailable where none is free within so many seconds."""
        if self._free.locked():
            await self._wait(within)
        else:
            await self._free.acquire()
        running = asyncio.get_running_loop().run_in_executor(self._pool, context.run, call)
        running.add_done_callback(lambda _: self._free.release())
        return running

    async def _wait(self, within: float | None) -> None:
        try:
            async with asyncio.timeout(within):
                await self._free.acquire()
        except TimeoutError:
            raise busy("The service has too much to do.") from None
