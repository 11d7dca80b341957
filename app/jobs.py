"""Jobs: work that is done after the transaction that asked for it, kept as rows by procrastinate.

``enqueue`` writes the job in the caller's transaction: it exists if and only if the caller commits. Jobs take ids
and may run twice (a worker that dies is replaced, its jobs are taken up again), so each is idempotent.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import signal
from collections.abc import Callable
from typing import Any

from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.conninfo import conninfo

log = logging.getLogger(__name__)

GRACE_SECONDS = 20
PAUSE_SECONDS = 1
MODULES = [
    "app.catalogue.tasks",
    "app.media.tasks",
    "app.workorders.tasks",
    "app.dispatch.tasks",
    "app.fieldwork.tasks",
    "app.notify.tasks",
    "app.reports.tasks",
    "app.publicmap.tasks",
    "app.opendata.tasks",
    "app.status.tasks",
    "app.upkeep",
]

queue = App(connector=PsycopgConnector(), import_paths=MODULES)
# Jobs are written over the caller's connection, which is a synchronous one in a worker too: this is never opened.
_writer = App(connector=SyncPsycopgConnector())

PATIENT = RetryStrategy(max_attempts=8, exponential_wait=4)


def enqueue(
    session: Session,
    name: str,
    *,
    at: dt.datetime | None = None,
    priority: int = 0,
    lock: str | None = None,
    **arguments: Any,
) -> None:
    """Write a job in the transaction of ``session``; it starts once that commits, not before ``at``.

    Of the jobs with one ``lock`` one runs at a time.
    """
    connection = session.connection().connection.driver_connection
    job = _writer.configure_task(name, connection=connection, schedule_at=at, priority=priority, lock=lock)
    job.defer(**arguments)


# An array is made once; a subquery in its place may be asked again for each row, and choose others then.
_RETRY = text("""
    UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = NULL
    WHERE id = ANY (ARRAY(
        SELECT id FROM procrastinate_jobs
        WHERE status = 'failed' AND task_name = :name AND attempts < :most
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
""")


def retry_failed(session: Session, name: str, *, most: int, limit: int) -> int:
    """Start again the jobs of a task that failed for good, oldest first; give how many.

    Each has one more try; ``most`` is how many a job has in all, those of its retry strategy among them.
    """
    return len(session.scalars(_RETRY, {"name": name, "most": most, "limit": limit}).all())


def run_worker(settings: Settings, *, before: Callable[[], None]) -> None:
    """Work on jobs until told to stop (SIGTERM or Ctrl-C); running jobs are given 20 seconds to end.

    A worker that lost its database waits for it and goes on. ``before`` is called each time that it begins, and may
    raise SettingsFault.
    """
    asyncio.run(_work_until_told(settings, before))


async def _work_until_told(settings: Settings, before: Callable[[], None]) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    while not told.is_set():
        work = asyncio.create_task(_work(settings, before))
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        # Cancelling is how procrastinate is asked to end what it does and begin nothing more.
        work.cancel()
        waiting.cancel()
        for ended in await asyncio.gather(work, waiting, return_exceptions=True):
            if isinstance(ended, Exception):
                log.warning("worker stopped", extra={"cause": f"{type(ended).__name__}: {ended}".strip()})
        if not told.is_set():
            log.warning("worker starts again")
            await asyncio.sleep(PAUSE_SECONDS)


async def _work(settings: Settings, before: Callable[[], None]) -> None:
    await asyncio.to_thread(before)
    reached = conninfo(settings.direct_url, application_name="suishoupai worker")
    connector = PsycopgConnector(conninfo=reached, max_size=settings.worker_concurrency + 2)
    with queue.replace_connector(connector):
        async with queue.open_async():
            await queue.run_worker_async(
                concurrency=settings.worker_concurrency,
                shutdown_graceful_timeout=GRACE_SECONDS,
                install_signal_handlers=False,
            )


__all__ = ["PATIENT", "enqueue", "queue", "retry_failed", "run_worker"]
