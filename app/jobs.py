"""Jobs: work that is done after the transaction that asked for it, kept as rows by procrastinate.

``enqueue`` adds a job to the caller's transaction: it exists if and only if that commits. All jobs of a transaction
are written in one statement, right before the commit. Jobs take ids and may run twice (a worker that dies is replaced,
its jobs are started again), so each is idempotent. Every task declares its queue: what waits for the outside must not
keep what cannot wait.
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import DEFAULT_QUEUE
from procrastinate.sql import queries
from procrastinate.types import JobToDefer
from psycopg.types.json import Jsonb
from sqlalchemy import event, text
from sqlalchemy.orm import Session, SessionTransaction

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

PATIENT = RetryStrategy(max_attempts=8, exponential_wait=4)


class Queue(StrEnum):
    """The queues. Each has workers of its own, so that one that is stuck keeps no other waiting."""

    CLOCKS = "clocks"  # what must not wait: clocks, closings, jobs and messages of dead workers; the database alone
    TELLING = "telling"  # who is to hear of what: the database alone
    # Messages wait for servers of others: a queue a channel, of its name, so that one that is silent delays no other.
    EMAIL = "email"
    SMS = "sms"
    WECHAT = "wechat"
    PUSH = "push"
    WEBHOOKS = "webhooks"
    PHOTOS = "photos"  # waits for the store, and takes seconds of a processor
    UPKEEP = "upkeep"  # the public map, files of open data, sweeps: may take minutes


Need = Callable[[Session, Sequence[Mapping[str, Any]]], Collection[int]]
_needs: dict[str, Need] = {}


@dataclass(frozen=True, slots=True)
class _Pending:
    """A job that the transaction will write; ``savepoint`` is the one that it was asked for in."""

    job: JobToDefer
    savepoint: SessionTransaction | None


_PENDING = "pending jobs"


def enqueue(
    session: Session,
    name: str,
    *,
    at: dt.datetime | None = None,
    priority: int = 0,
    queue_name: Queue | None = None,
    **arguments: Any,
) -> None:
    """Add a job to the transaction of ``session``; it starts once that commits, not before ``at``.

    It waits in the queue of its task, or in ``queue_name``.
    Raises KeyError for a task that there is not, TypeError for arguments that it does not take.
    """
    if name not in queue.tasks:
        queue.perform_import_paths()  # type: ignore[no-untyped-call]  # procrastinate left it untyped
    task = queue.tasks[name]
    _signature(task.func).bind(**arguments)
    if not session.in_transaction():
        session.begin()
    job = JobToDefer(queue_name or str(task.queue), name, priority, task.lock, None, arguments, at)
    session.info.setdefault(_PENDING, []).append(_Pending(job, session.get_nested_transaction()))


def needed_when(name: str) -> Callable[[Need], Need]:
    """Declare which jobs of a task are needed: the function gets their arguments and gives the indexes of those.

    It is asked once a transaction, before the commit, and sees all that the transaction wrote.
    """

    def declare(need: Need) -> Need:
        _needs[name] = need
        return need

    return declare


def write_jobs(session: Session) -> None:
    """Write the jobs that the transaction asked for so far, in one statement. The commit does it by itself."""
    jobs = [each.job for each in session.info.pop(_PENDING, ())]
    for name in _needs.keys() & {job.task_name for job in jobs}:
        jobs = _keep_needed(session, name, jobs)
    if jobs:
        rows = [tuple(Jsonb(value) if isinstance(value, dict) else value for value in job) for job in jobs]
        session.connection().exec_driver_sql(queries["defer_jobs"], {"jobs": rows})


def _keep_needed(session: Session, name: str, jobs: Sequence[JobToDefer]) -> list[JobToDefer]:
    asked = [job for job in jobs if job.task_name == name]
    needed = _needs[name](session, [job.args for job in asked])
    return [job for job in jobs if job.task_name != name] + [asked[index] for index in sorted(needed)]


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@event.listens_for(Session, "before_commit")
def _write_at_commit(session: Session) -> None:
    # A savepoint that is released goes on in its transaction.
    if _PENDING in session.info and not session.in_nested_transaction():
        write_jobs(session)


@event.listens_for(Session, "after_soft_rollback")
def _drop_with_savepoint(session: Session, rolled_back: SessionTransaction) -> None:
    # A flush that fails rolls the savepoint back that it is in.
    while rolled_back.parent is not None and not rolled_back.nested:
        rolled_back = rolled_back.parent
    if _PENDING in session.info:
        kept = [each for each in session.info[_PENDING] if not _is_within(each.savepoint, rolled_back)]
        session.info[_PENDING] = kept


@event.listens_for(Session, "after_transaction_end")
def _drop_with_transaction(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        session.info.pop(_PENDING, None)


def _is_within(inner: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while inner is not None:
        if inner is outer:
            return True
        inner = inner.parent
    return False


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


_RETIRED = (DEFAULT_QUEUE, "sending")
_ADOPT = text("""
    UPDATE procrastinate_jobs job SET queue_name = task.queue
    FROM unnest(CAST(:names AS text[]), CAST(:queues AS text[])) AS task (name, queue)
    WHERE job.status = 'todo' AND job.queue_name = ANY (:retired) AND job.task_name = task.name RETURNING job.id
""")


def adopt_jobs(session: Session) -> int:
    """Move waiting jobs from queues of earlier releases (``default``, ``sending``) to that of their task."""
    queue.perform_import_paths()  # type: ignore[no-untyped-call]  # procrastinate left it untyped
    tasks = {name: str(task.queue) for name, task in queue.tasks.items()}
    asked = {"names": list(tasks), "queues": list(tasks.values()), "retired": list(_RETIRED)}
    return len(session.scalars(_ADOPT, asked).all())


__all__ = ["PATIENT", "Queue", "adopt_jobs", "enqueue", "needed_when", "queue", "retry_failed", "write_jobs"]
