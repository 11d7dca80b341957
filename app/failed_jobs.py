"""Failed jobs: those of dead workers are started again or parked; an operator lists, retries and discards what failed.

A job whose worker died is started again, at most three times: after that it is the likely cause, and is parked as
``failed``. The number of dead workers of a job is noted in ``setbacks`` as the kind ``job.crash``, the error of its
last try as the kind ``job``.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import setbacks

log = logging.getLogger(__name__)

ERROR, CRASH = "job", "job.crash"
MOST_CRASHES = 3
APART = dt.timedelta(seconds=30)
LISTED = 100


class Outcome(StrEnum):
    """What became of a job whose worker died."""

    STARTED_AGAIN = "started again"
    ENDED_FOR_ITS_TWIN = "ended for its twin"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed for good: ``crashes`` counts the workers that died of it or beside it."""

    id: int
    queue: str
    task: str
    arguments: dict[str, Any]
    attempts: int
    failed_at: dt.datetime | None
    crashes: int
    cause: str


# The lock keeps a second reaper away; a slow worker that would end the job waits for it. The time is the database's.
_STALLED = text("""
    SELECT job.id, job.task_name FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < now() - interval '30 seconds')
    ORDER BY job.id FOR UPDATE OF job SKIP LOCKED
""")
_START = text("SELECT procrastinate_retry_job_v2(:id, clock_timestamp() + :later, NULL, NULL, NULL)")
_END = text("SELECT procrastinate_finish_job_v1(:id, CAST(:status AS procrastinate_job_status), false)")
_LIST = text("""
    SELECT job.id, job.queue_name, job.task_name, job.args, job.attempts,
           (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id AND type = 'failed') AS failed_at,
           coalesce(crash.failures, 0) AS crashes, coalesce(fault.error, crash.error, '') AS cause
    FROM procrastinate_jobs job
    LEFT JOIN setbacks crash ON crash.kind = 'job.crash' AND crash.key = job.id::text
    LEFT JOIN setbacks fault ON fault.kind = 'job' AND fault.key = job.id::text
    WHERE job.status = 'failed' AND (CAST(:task AS text) IS NULL OR job.task_name = :task)
    ORDER BY job.id DESC LIMIT :limit
""")
_CHOSEN = "status = 'failed' AND (id = ANY (:ids) OR task_name = :task)"
# A periodic job that failed has a twin at its next time: of two with one queueing lock only one can wait.
_RETRY = text(f"""
    UPDATE procrastinate_jobs job SET status = 'todo', scheduled_at = NULL
    WHERE {_CHOSEN} AND NOT EXISTS (
        SELECT FROM procrastinate_jobs twin WHERE twin.queueing_lock = job.queueing_lock
        AND (twin.status = 'todo' OR (twin.status = 'failed' AND twin.id > job.id))
    ) RETURNING id
""")
_DISCARD = text(f"DELETE FROM procrastinate_jobs WHERE {_CHOSEN} RETURNING id")
_FORGET = text("DELETE FROM setbacks WHERE kind IN ('job', 'job.crash') AND key IN :keys").bindparams(
    bindparam("keys", expanding=True)
)
_FORGET_ENDED = text("""
    DELETE FROM setbacks WHERE kind IN ('job', 'job.crash') AND NOT EXISTS (
        SELECT FROM procrastinate_jobs WHERE id = key::bigint AND status IN ('todo', 'doing', 'failed')
    )
""")


def start_stalled(session: Session, *, now: dt.datetime) -> list[Outcome]:
    """Start the jobs of dead workers again, those that had several apart from each other; park those that had many.

    Give what became of each.
    """
    outcomes = []
    suspects = 0
    for job in session.execute(_STALLED).all():
        crashes = setbacks.put_off(session, CRASH, job.id, "its worker died", now=now)
        suspects += crashes > 1
        later = APART * (suspects - 1) if crashes > 1 else dt.timedelta(0)
        outcome = _park(session, job.id) if crashes > MOST_CRASHES else _start(session, job.id, later)
        level = logging.ERROR if outcome is Outcome.PARKED else logging.WARNING
        told = {"job": job.id, "task": job.task_name, "crashes": crashes, "outcome": outcome.value}
        log.log(level, "job of a dead worker", extra=told)
        outcomes.append(outcome)
    session.execute(_FORGET_ENDED)
    return outcomes


def _park(session: Session, job_id: int) -> Outcome:
    session.execute(_END, {"id": job_id, "status": "failed"})
    return Outcome.PARKED


def _start(session: Session, job_id: int, later: dt.timedelta) -> Outcome:
    """Start a job again; where a twin of the same queueing lock waits already, that does what this one would."""
    try:
        with session.begin_nested():
            session.execute(_START, {"id": job_id, "later": later})
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != "23505":  # unique_violation
            raise
        session.execute(_END, {"id": job_id, "status": "aborted"})
        return Outcome.ENDED_FOR_ITS_TWIN
    return Outcome.STARTED_AGAIN


def note_error(session: Session, job_id: int, fault: BaseException, *, now: dt.datetime) -> None:
    """Note why a try of a job failed."""
    setbacks.put_off(session, ERROR, job_id, setbacks.describe(fault), now=now)


def list_failed(session: Session, *, task: str | None = None, limit: int = LISTED) -> list[FailedJob]:
    """List the jobs that failed for good, the newest first."""
    rows = session.execute(_LIST, {"task": task, "limit": limit})
    return [FailedJob(*row) for row in rows]


def retry(session: Session, ids: Sequence[int], *, task: str | None = None) -> list[int]:
    """Start failed jobs again, those named and those of a task, and forget their past; give which.

    Of jobs with one queueing lock the newest is started, and none where one waits already.
    """
    return _clear(session, session.scalars(_RETRY, {"ids": list(ids), "task": task}).all())


def discard(session: Session, ids: Sequence[int], *, task: str | None = None) -> list[int]:
    """Remove failed jobs, those named and those of a task, without doing them; give which."""
    return _clear(session, session.scalars(_DISCARD, {"ids": list(ids), "task": task}).all())


def _clear(session: Session, ids: Sequence[int]) -> list[int]:
    if ids:
        session.execute(_FORGET, {"keys": [str(each) for each in ids]})
    return list(ids)
