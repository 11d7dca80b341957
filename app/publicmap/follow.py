"""Follow the history: each line that is committed is sent to who listens (NOTIFY), and the map is folded at once.

So no step writes a job for the map. What is missed while nobody listens is folded when somebody does again, and by
the job ``publicmap.keep_up`` each minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psycopg

from app.listening import notifications
from app.publicmap.tasks import fold_all
from app.workorders.timeline import CHANNEL

log = logging.getLogger(__name__)

# Many lines in a moment cost one fold; a change shows within five seconds all the same (docs/map.md).
PAUSE_S = 2.0
LONGEST_PAUSE_S = 30.0


async def follow(conninfo: str, fold: Callable[[], bool] = fold_all) -> None:
    """Fold the map after every line of history, at most every two seconds, until cancelled.

    ``conninfo`` is libpq's; ``fold`` runs in a thread and tells whether it folded everything. A failure is logged and
    tried again after growing pauses.
    """
    told = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_listen(conninfo, told))
        group.create_task(_fold(told, fold))


async def _listen(conninfo: str, told: asyncio.Event) -> None:
    pause = PAUSE_S
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                pause = PAUSE_S
                told.set()  # for what was committed while nobody listened
                async for _ in notifications(connection):
                    told.set()
        except (psycopg.Error, OSError) as fault:
            log.warning("the map hears of no change", extra={"cause": type(fault).__name__, "again_in": pause})
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


async def _fold(told: asyncio.Event, fold: Callable[[], bool]) -> None:
    pause = PAUSE_S
    while True:
        await told.wait()
        told.clear()
        try:
            if not await asyncio.to_thread(fold):
                told.set()
            pause = PAUSE_S
        except Exception:  # whatever it is: the map is kept up again once it has passed
            pause = min(2 * pause, LONGEST_PAUSE_S)
            log.exception("the map is not folded", extra={"again_in": pause})
            told.set()
        await asyncio.sleep(pause)
