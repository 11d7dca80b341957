"""The worker process: it does the jobs of its queues, and keeps the public map up, until it is told to stop.

Each queue has threads of its own, so that a mail server that is silent keeps no clock waiting. What depends on the
time rests while the clock of this machine differs from the database's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

from procrastinate import JobContext
from procrastinate.worker import Worker
from sqlalchemy.exc import SQLAlchemyError

from app.clock import Clock, is_right
from app.config import Settings
from app.conninfo import conninfo
from app.db import Session, utcnow
from app.failed_jobs import note_error
from app.jobs import Queue, adopt_jobs, queue
from app.publicmap.follow import follow
from app.queue_database import DeadlineConnector, reaching

log = logging.getLogger(__name__)

GRACE_SECONDS = 20
# procrastinate takes up to 5 seconds to end what it does beside the jobs; systemd kills after 30.
END_SECONDS = GRACE_SECONDS + 6
PAUSE_SECONDS = 1
CHECK_SECONDS = 5
SPARE_THREADS = 5
# Making pictures depends on no clock; all else does something at a time, or notes when it did.
TIMELESS = frozenset({Queue.PHOTOS})


class QueueLeft(Exception):
    """The work on a queue ended by itself."""


class JobsStuck(Exception):
    """Jobs go on that were to end: a thread cannot be ended from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker process does: how many jobs of each queue at a time, and by which clock."""

    settings: Settings
    shares: Mapping[Queue, int]
    clock: Clock = utcnow

    @property
    def threads(self) -> int:
        """Give how many threads may need a connection at a time: one a job, and one that folds the map."""
        return sum(self.shares.values()) + 1

    @property
    def conninfo(self) -> str:
        """Give the database's address as libpq reads it."""
        return conninfo(self.settings.direct_url, application_name="suishoupai worker")


def plan_work(settings: Settings, queues: Collection[Queue] = ()) -> Work:
    """Share a process out among queues, all where none is named."""
    many = settings.worker_concurrency
    half = max(1, many // 2)
    shares = {
        Queue.CLOCKS: 2,
        Queue.TELLING: 2,
        Queue.EMAIL: many,
        Queue.SMS: half,
        Queue.WECHAT: half,
        Queue.PUSH: half,
        Queue.WEBHOOKS: half,
        Queue.PHOTOS: half,
        Queue.UPKEEP: 2,
    }
    return Work(settings=settings, shares={each: shares[each] for each in Queue if not queues or each in queues})


def run_worker(work: Work, *, before: Callable[[], None]) -> None:
    """Work until told to stop (SIGTERM or Ctrl-C); running jobs are given 20 seconds to end.

    A worker that lost its database waits for it and goes on; where a job does not end then, it starts itself anew.
    ``before`` is called each time that it begins, and may raise SettingsFault.
    """
    asyncio.run(_work_until_told(work, before))


async def _work_until_told(work: Work, before: Callable[[], None]) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    # The threads that jobs run in: the loop's own would be four more than processors, for all queues together.
    loop.set_default_executor(ThreadPoolExecutor(work.threads + SPARE_THREADS, thread_name_prefix="job"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    while not told.is_set():
        working = asyncio.create_task(_begin(work, before))
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        # A worker that is cancelled ends what it does and begins nothing more.
        working.cancel()
        waiting.cancel()
        for ended in await asyncio.gather(working, waiting, return_exceptions=True):
            if isinstance(ended, JobsStuck):
                _leave_stuck_jobs(ending=told.is_set())
            if isinstance(ended, Exception):
                log.warning("worker stopped", extra={"cause": _say(ended)})
        if not told.is_set():
            log.warning("worker starts again")
            await asyncio.sleep(PAUSE_SECONDS)


def _leave_stuck_jobs(*, ending: bool) -> NoReturn:
    """End the process, or start it anew, without waiting for its threads; the reaper takes their jobs up."""
    log.error("a job does not end: the process is left", extra={"ending": ending})
    logging.shutdown()
    if ending:
        os._exit(0)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # the same program once more


async def _begin(work: Work, before: Callable[[], None]) -> None:
    await asyncio.to_thread(before)
    await do_work(work)


async def do_work(work: Work) -> None:
    """Do the jobs of the queues until cancelled, or until something fails that is no job."""
    connector = DeadlineConnector(work.conninfo, max_size=work.threads + len(work.shares))
    with reaching(connector):
        async with queue.open_async():
            await asyncio.to_thread(_adopt)
            works = [_do_jobs(work, each) for each in work.shares.keys() & TIMELESS]
            if timed := work.shares.keys() - TIMELESS:
                works.append(_while_clock_is_right(work, lambda: _do_timed(work, timed)))
            await _together(works)


async def _do_timed(work: Work, queues: Collection[Queue]) -> None:
    works = [_do_jobs(work, each) for each in queues]
    if Queue.UPKEEP in queues:
        works.append(follow(work.conninfo))
    await _together(works)


async def _together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run works until one of them ends or fails, then end the others. Raises JobsStuck where they do not end."""
    tasks = [asyncio.create_task(each) for each in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        await _end(*tasks)


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Let tasks end what they are at, and begin nothing more. Raises JobsStuck where they do not end."""
    for task in tasks:
        task.cancel()
    if tasks:
        ended, left = await asyncio.wait(tasks, timeout=END_SECONDS)
        for task in ended:
            task.cancelled() or task.exception()  # looked at: asyncio complains of others
        if left:
            raise JobsStuck("a job does not end")


async def _do_jobs(work: Work, each: Queue) -> None:
    """Do the jobs of a queue until cancelled. Raises QueueLeft where that ends by itself."""
    worker = Worker(
        queue,
        queues=[each.value],
        name=each.value,
        concurrency=work.shares[each],
        shutdown_graceful_timeout=GRACE_SECONDS,
        install_signal_handlers=False,
        worker_middleware=[note_errors],
    )
    running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # procrastinate left it untyped
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        # To cancel it would not do: asyncio.wait_for of Python 3.11 may lose that while a connection is fetched.
        worker.stop()  # type: ignore[no-untyped-call]  # procrastinate left it untyped
        await running
        raise
    # procrastinate logs that it lost its database, and returns as it does when it is told to end.
    raise QueueLeft(f"nothing works on the queue {each.value} any more")


async def _while_clock_is_right(work: Work, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do something while our clock agrees with the database's, and nothing of it while it does not."""
    doing: list[asyncio.Task[None]] = []
    try:
        while not any(task.done() for task in doing):
            if await is_right(queue.connector, work.clock):
                doing = doing or [asyncio.create_task(start())]
                await asyncio.wait(doing, timeout=CHECK_SECONDS)
            else:
                await _end(*doing)
                doing = []
                await asyncio.sleep(CHECK_SECONDS)
        for task in doing:
            task.result()
    finally:
        await _end(*doing)


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


def _adopt() -> None:
    with Session.begin() as session:
        adopted = adopt_jobs(session)
    if adopted:
        log.info("jobs of a release before moved to their queues", extra={"jobs": adopted})


def _say(fault: BaseException) -> str:
    """Describe a fault, of a group of them the first one."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return f"{type(fault).__name__}: {fault}".strip()
