"""Run a coroutine in a thread of its own: the browser's driver keeps a loop in the main thread of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


async def until(met: Callable[[], bool]) -> None:
    """Wait, asking in a thread, until something holds; the test's own time-out ends it where it never does."""
    while True:
        if await asyncio.to_thread(met):
            return
        await asyncio.sleep(0.01)


def run_aside(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end and give what it gives."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
