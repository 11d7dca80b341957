"""Periodic jobs of the floor: take up the jobs of dead workers, forget old jobs and old counts.

It stands above the features only because it is a task module; it knows none of them.
"""

from __future__ import annotations

from procrastinate import JobContext

from app.api.ratelimit import forget_counts
from app.db import Session, utcnow
from app.failed_jobs import start_stalled
from app.jobs import Queue, adopt_jobs, queue

OLD_JOB_HOURS = 72


@queue.periodic(cron="* * * * *")
@queue.task(name="upkeep.reap", queue=Queue.CLOCKS, queueing_lock="upkeep.reap")
def reap(timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Start the jobs of dead workers again, park those that end their workers, adopt those of older web processes."""
    with Session.begin() as session:
        start_stalled(session, now=utcnow())
        adopt_jobs(session)


@queue.periodic(cron="17 * * * *")
@queue.task(name="upkeep.forget", queue=Queue.UPKEEP, queueing_lock="upkeep.forget", pass_context=True)
async def forget(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Remove finished jobs of past days, and those that ended for a twin; failed ones stay to be looked at."""
    await context.app.job_manager.delete_old_jobs(nb_hours=OLD_JOB_HOURS, include_aborted=True)


@queue.periodic(cron="* * * * *")
@queue.task(name="upkeep.forget_counts", queue=Queue.CLOCKS, queueing_lock="upkeep.forget_counts")
def forget_rates(timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Remove the request counts of past minutes."""
    forget_counts(utcnow())
