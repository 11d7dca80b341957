"""A job that writes alarms into the log, for a city without monitoring."""

from __future__ import annotations

from app.jobs import Queue, queue
from app.notify import keys
from app.status.service import log_alarms, take_status


@queue.periodic(cron="*/5 * * * *")
# Not among the clocks: it looks at the photo store, which may hang; one at a time then.
@queue.task(name="status.watch", queue=Queue.UPKEEP, queueing_lock="status.watch", lock="status.watch")
def watch(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Log each alarm, every five minutes while it lasts."""
    _, alarms = take_status(keys.current().settings)
    log_alarms(alarms)
