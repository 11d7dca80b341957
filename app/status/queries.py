"""Reads of the status. Ages are in seconds by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process: the age of its last heartbeat, and how many jobs it does."""

    id: int
    heartbeat_s: float
    doing: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The jobs of one queue. ``oldest_s`` is how long the oldest one waits that could be done.

    ``heartbeat_s`` is the age of the newest heartbeat of the workers that do a job of it, None where none does.
    """

    name: str
    waiting: int
    oldest_s: float
    doing: int
    failed: int
    failed_today: int
    heartbeat_s: float | None


@dataclass(frozen=True, slots=True)
class FailingRows:
    """The rows that a job fails at and puts off; ``failures`` is how often it failed at the worst of them."""

    kind: str
    rows: int
    failures: int


_FAILING = text("""
    SELECT kind, count(*) AS rows, max(failures) AS failures FROM setbacks
    WHERE kind NOT IN ('job', 'job.crash') GROUP BY kind ORDER BY kind
""")
_WORKERS = text("""
    SELECT worker.id, extract(epoch FROM now() - worker.last_heartbeat)::float AS heartbeat_s,
           (SELECT count(*) FROM procrastinate_jobs WHERE worker_id = worker.id AND status = 'doing') AS doing
    FROM procrastinate_workers worker ORDER BY worker.id
""")
_QUEUES = text("""
    WITH jobs AS (
        SELECT job.queue_name, job.status, worker.last_heartbeat,
               job.status = 'todo' AND coalesce(job.scheduled_at <= now(), true) AS waits,
               greatest(job.scheduled_at, event.at) AS since
        FROM procrastinate_jobs job
        LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
        LEFT JOIN LATERAL (SELECT max(at) AS at FROM procrastinate_events WHERE job_id = job.id) event ON true
        WHERE job.status IN ('todo', 'doing', 'failed')
    )
    SELECT queue_name AS name,
           count(*) FILTER (WHERE waits) AS waiting,
           coalesce(extract(epoch FROM now() - min(since) FILTER (WHERE waits)), 0)::float AS oldest_s,
           count(*) FILTER (WHERE status = 'doing') AS doing,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'failed' AND since > now() - interval '1 day') AS failed_today,
           extract(epoch FROM now() - max(last_heartbeat))::float AS heartbeat_s
    FROM jobs GROUP BY queue_name ORDER BY queue_name
""")
_CLOCKS = text("SELECT count(*) FROM deadlines WHERE next_at < now() - make_interval(secs => :seconds)")
_DELIVERIES = text("""
    SELECT sum(late) FROM (
        SELECT count(*) AS late FROM deliveries
        WHERE state IN ('queued', 'sending') AND next_at < now() - make_interval(secs => :seconds)
        UNION ALL
        SELECT count(*) FROM webhook_deliveries
        WHERE state IN ('queued', 'sending') AND next_at < now() - make_interval(secs => :seconds)
    ) counted
""")


def read_workers(session: Session) -> list[Worker]:
    """Read the workers that are registered; one that died stays until another one removes it."""
    return [Worker(*row) for row in session.execute(_WORKERS)]


def read_queues(session: Session) -> list[Queue]:
    """Read the jobs of each queue that has any."""
    return [Queue(*row) for row in session.execute(_QUEUES)]


def read_failing_rows(session: Session) -> list[FailingRows]:
    """Read how many rows jobs fail at; failed jobs themselves are counted by queue."""
    return [FailingRows(*row) for row in session.execute(_FAILING)]


def count_overdue_clocks(session: Session, *, seconds: int) -> int:
    """Count the clocks that nobody has acted on for so many seconds."""
    return int(session.scalars(_CLOCKS, {"seconds": seconds}).one())


def count_overdue_deliveries(session: Session, *, seconds: int) -> int:
    """Count the messages and webhook calls that are due for so many seconds."""
    return int(session.scalars(_DELIVERIES, {"seconds": seconds}).one())
