"""Jobs of work orders: anchor the days that are over."""

from __future__ import annotations

import logging

from app.db import Session, utcnow
from app.jobs import Queue, queue
from app.workorders.anchors import anchor_next, last_over

log = logging.getLogger(__name__)


# Every hour, not once a day: a night in which no worker ran is made up for within the hour.
@queue.periodic(cron="7 * * * *")
@queue.task(name="workorders.anchor", queue=Queue.CLOCKS, queueing_lock="workorders.anchor")
def anchor(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Anchor yesterday, and the days before it that were missed, each in a transaction of its own."""
    now = utcnow()
    while True:
        with Session.begin() as session:
            made = anchor_next(session, through=last_over(now), now=now)
        if made is None:
            return
        log.info("day anchored", extra={"day": str(made.day), "work_orders": made.work_orders})
