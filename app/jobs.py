"""Jobs: work that is done after the transaction that asked for it, kept as rows by procrastinate.

``enqueue`` writes the job in the caller's transaction: it exists if and only if the caller commits. Jobs take ids
and may run twice (a worker that dies is replaced, its jobs are taken up again), so each is idempotent.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.config import Settings

MODULES = ["app.media.tasks", "app.notify.tasks", "app.upkeep"]

queue = App(connector=PsycopgConnector(), import_paths=MODULES)
# Jobs are written over the caller's connection, which is a synchronous one in a worker too: this is never opened.
_writer = App(connector=SyncPsycopgConnector())

PATIENT = RetryStrategy(max_attempts=8, exponential_wait=4)


def enqueue(session: Session, name: str, *, at: dt.datetime | None = None, priority: int = 0, **arguments: Any) -> None:
    """Write a job in the transaction of ``session``; it starts once that commits, not before ``at``."""
    connection = session.connection().connection.driver_connection
    job = _writer.configure_task(name, connection=connection, schedule_at=at, priority=priority)
    job.defer(**arguments)


def run_worker(settings: Settings) -> None:
    """Work on jobs until told to stop (SIGTERM or Ctrl-C); running jobs are given 20 seconds to end."""
    url = make_url(settings.database_url).set(drivername="postgresql")
    conninfo = url.render_as_string(hide_password=False)
    with queue.replace_connector(PsycopgConnector(conninfo=conninfo, max_size=settings.worker_concurrency + 2)):
        queue.run_worker(concurrency=settings.worker_concurrency, shutdown_graceful_timeout=20)


__all__ = ["PATIENT", "enqueue", "queue", "run_worker"]
