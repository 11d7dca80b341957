"""Run a coroutine in a thread of its own: the browser's driver keeps a loop in the main thread of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_aside(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end and give what it gives."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
