"""Periodic jobs of the floor: take up the jobs of dead workers, forget old jobs and old counts.

It stands above the features only because it is a task module; it knows none of them.
"""

from __future__ import annotations

import logging

from procrastinate import JobContext

from app.api.ratelimit import forget_counts
from app.db import utcnow
from app.jobs import queue

log = logging.getLogger(__name__)

OLD_JOB_HOURS = 72


@queue.periodic(cron="* * * * *")
@queue.task(name="upkeep.reap", queueing_lock="upkeep.reap", pass_context=True)
async def reap(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Start again the jobs whose worker died; jobs are idempotent."""
    for job in await context.app.job_manager.get_stalled_jobs():
        log.warning("job taken up again", extra={"job": job.id, "task": job.task_name})
        await context.app.job_manager.retry_job(job)


@queue.periodic(cron="17 * * * *")
@queue.task(name="upkeep.forget", queueing_lock="upkeep.forget", pass_context=True)
async def forget(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Remove finished jobs of past days; failed ones stay to be looked at."""
    await context.app.job_manager.delete_old_jobs(nb_hours=OLD_JOB_HOURS)


@queue.periodic(cron="* * * * *")
@queue.task(name="upkeep.forget_counts", queueing_lock="upkeep.forget_counts")
def forget_rates(timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Remove the request counts of past minutes."""
    forget_counts(utcnow())
