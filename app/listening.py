"""LISTEN that notices a server which is frozen: a connection that only listens would wait for it for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from psycopg import AsyncConnection, Notify

QUIET_SECONDS = 20.0
ANSWER_SECONDS = 10.0


async def notifications(connection: AsyncConnection[Any]) -> AsyncIterator[Notify]:
    """Give the notifications of a connection that listens, for ever.

    After each 20 quiet seconds the server is asked for a sign of life. Raises TimeoutError where it gives none within
    ten, and psycopg's errors where the connection is lost.
    """
    while True:
        async for notification in connection.notifies(timeout=QUIET_SECONDS):
            yield notification
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.execute("SELECT 1")
