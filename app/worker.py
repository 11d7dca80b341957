"""The worker process: it does the jobs of ``app.jobs`` until it is told to stop.

It stands above the features only because it notes why their jobs failed; it knows none of them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from procrastinate import JobContext, PsycopgConnector
from procrastinate.worker import Worker
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.conninfo import conninfo
from app.db import Session, utcnow
from app.failed_jobs import note_error
from app.jobs import queue

log = logging.getLogger(__name__)

GRACE_SECONDS = 20
PAUSE_SECONDS = 1


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
                worker_middleware=[note_errors],
            )


async def note_errors(process: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:  # noqa: ARG001  # procrastinate's interface
    """Do a job, and note why where it fails: procrastinate itself keeps that it failed and not why."""
    try:
        return await process()
    except Exception as fault:
        await asyncio.to_thread(_note, context.job.id or 0, fault)
        raise


def _note(job_id: int, fault: Exception) -> None:
    try:
        with Session.begin() as session:
            note_error(session, job_id, fault, now=utcnow())
    except SQLAlchemyError as error:
        # The database may be why the job failed.
        log.warning("error of a job not noted", extra={"job": job_id, "cause": type(error).__name__})
