"""Periodic jobs of the floor: take up the jobs of dead workers, forget old jobs and old counts.

It stands above the features only because it is a task module; it knows none of them.
"""

from __future__ import annotations

import logging

from procrastinate import JobContext
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from app.api.ratelimit import forget_counts
from app.db import utcnow
from app.jobs import queue

log = logging.getLogger(__name__)

OLD_JOB_HOURS = 72


@queue.periodic(cron="* * * * *")
@queue.task(name="upkeep.reap", queueing_lock="upkeep.reap", pass_context=True)
async def reap(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Start again the jobs whose worker died; jobs are idempotent."""
    jobs = context.app.job_manager
    for job in await jobs.get_stalled_jobs():
        try:
            outcome = await _take_up(jobs, job)
        except ConnectorException as fault:
            # Its worker was slow and not dead, and has ended it meanwhile; the other jobs have their turn.
            outcome = f"left alone: {fault.__cause__ or fault}"
        log.warning("job of a dead worker", extra={"job": job.id, "task": job.task_name, "outcome": outcome})


async def _take_up(jobs: JobManager, job: Job) -> str:
    """Start a job again; where a twin of the same queueing lock waits already, that does what this one would."""
    try:
        await jobs.retry_job(job)
    except UniqueViolation:
        await jobs.finish_job(job, Status.ABORTED, delete_job=False)
        return "ended for its twin"
    return "taken up again"


@queue.periodic(cron="17 * * * *")
@queue.task(name="upkeep.forget", queueing_lock="upkeep.forget", pass_context=True)
async def forget(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Remove finished jobs of past days, and those that ended for a twin; failed ones stay to be looked at."""
    await context.app.job_manager.delete_old_jobs(nb_hours=OLD_JOB_HOURS, include_aborted=True)


@queue.periodic(cron="* * * * *")
@queue.task(name="upkeep.forget_counts", queueing_lock="upkeep.forget_counts")
def forget_rates(timestamp: int) -> None:  # noqa: ARG001  # procrastinate passes it
    """Remove the request counts of past minutes."""
    forget_counts(utcnow())
