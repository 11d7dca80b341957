"""Jobs: work that is done after the transaction that asked for it, kept as rows by procrastinate.

``enqueue`` writes the job in the caller's transaction: it exists if and only if the caller commits. Jobs take ids
and may run twice (a worker that dies is replaced, its jobs are taken up again), so each is idempotent.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from sqlalchemy import text
from sqlalchemy.orm import Session

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


__all__ = ["PATIENT", "enqueue", "queue", "retry_failed"]
