"""How a worker reaches the database of its queues: no statement waits for ever, and the end of a job is written.

procrastinate writes the end of a job once. Where that fails while the worker lives on (a connection that was cut, a
full disk), nobody else takes the job for a dead worker's, and it would stay as it is until the next restart.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from procrastinate import PsycopgConnector
from procrastinate.connector import BaseAsyncConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.sql import queries
from psycopg import AsyncConnection, OperationalError

from app.clock import NOW
from app.db import utcnow
from app.jobs import queue

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 40.0
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
# A job of a newer release waits for a newer worker: a try each minute, for a day.
UNKNOWN_PAUSE = dt.timedelta(minutes=1)
UNKNOWN_MOST_TRIES = 24 * 60
# Removing the jobs of days may take minutes.
_UNLIMITED = {queries["delete_old_jobs"]}


class DeadlineConnector(PsycopgConnector):
    """A connector whose statements end within ``deadline`` seconds, also where the server is frozen.

    Raises ConnectorException then, as for a server that is gone.
    """

    def __init__(self, conninfo: str, *, max_size: int, deadline: float = DEADLINE_SECONDS) -> None:
        super().__init__(conninfo=conninfo, max_size=max_size, configure=_configure)
        self._deadline = deadline

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Execute a statement."""
        await self._within(query, super().execute_query_async(query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        """Execute a statement that gives a row."""
        row: dict[str, Any] = await self._within(query, super().execute_query_one_async(query, **arguments))
        return row

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        """Execute a statement that gives rows."""
        rows: list[dict[str, Any]] = await self._within(query, super().execute_query_all_async(query, **arguments))
        return rows

    async def _within(self, query: LiteralString, executing: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(None if query in _UNLIMITED else self._deadline):
                return await executing
        except TimeoutError as fault:
            message = f"the database did not answer within {self._deadline:g} seconds"
            raise ConnectorException(message) from fault


class Manager(JobManager):
    """Writes the end of a job again where that failed, and has jobs that this release does not know wait."""

    connector: BaseAsyncConnector

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Write how a job ended. Raises ConnectorException where that failed for half a minute."""
        if status is Status.FAILED and job.task_name not in queue.tasks and job.attempts < UNKNOWN_MOST_TRIES:
            log.warning("job of another release waits", extra={"job": job.id, "task": job.task_name})
            await self.retry_job(job, retry_at=utcnow() + UNKNOWN_PAUSE)
            return
        finish = super().finish_job
        await _write(lambda: finish(job, status, delete_job), job)

    async def retry_job(
        self,
        job: Job,
        retry_at: dt.datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Have a job done again later, by the database's clock: ours may be days ahead.

        Raises ConnectorException where writing that failed for half a minute.
        """
        retry, pause = super().retry_job, (retry_at - utcnow()) if retry_at else dt.timedelta(0)

        async def write() -> None:
            theirs: dt.datetime = (await self.connector.execute_query_one_async(NOW))["now"]
            await retry(job, theirs + pause, priority, queue, lock)

        await _write(write, job)


@contextmanager
def reaching(connector: PsycopgConnector) -> Iterator[None]:
    """Let the queue reach its database by a connector, with a Manager."""
    plain = queue.job_manager
    with queue.replace_connector(connector):
        queue.job_manager = Manager(connector)
        try:
            yield
        finally:
            queue.job_manager = plain


async def _write(write: Callable[[], Awaitable[None]], job: Job) -> None:
    for pause in PAUSES_SECONDS:
        try:
            return await write()
        except ConnectorException as fault:
            # Any other cause, such as a job that is not there any more, stays what it is.
            if not isinstance(fault.__cause__, OperationalError | TimeoutError):
                raise
            told = {"job": job.id, "cause": type(fault.__cause__).__name__, "again_in": pause}
            log.warning("end of a job not written, is tried again", extra=told)
        await asyncio.sleep(pause)
    return await write()


async def _configure(connection: AsyncConnection[Any]) -> None:
    """Make each statement of procrastinate a transaction, and let none wait for the disc.

    A server that fails forgets which jobs were taken and ended in its last moments; they run again. What a job itself
    wrote was committed before, and is on the disc.
    """
    await connection.set_autocommit(True)
    await connection.execute("SET synchronous_commit = off")
