"""Jobs of dispatch: the clocks of each minute."""

from __future__ import annotations

import logging

from app.catalogue.city import current_city
from app.catalogue.errors import NoCity
from app.db import Session, utcnow
from app.dispatch.escalation import act_on_breaches
from app.dispatch.service import resume_ended
from app.jobs import Queue, queue

log = logging.getLogger(__name__)

BATCHES_A_MINUTE = 200


@queue.periodic(cron="* * * * *")
@queue.task(name="dispatch.clocks", queue=Queue.CLOCKS, queueing_lock="dispatch.clocks")
def clocks(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Act on every clock that is breached, oldest first, and resume what is past the end of its hold.

    A batch is a transaction of its own: a worker that dies loses no more than one, which another takes up. Breaches and
    holds share none, so that a fault of the one does not keep the other waiting.
    """
    try:
        acted, resumed = _breaches(), _holds()
    except NoCity:
        return
    if acted or resumed:
        log.info("clocks acted", extra={"breaches": acted, "resumed": resumed})


def _breaches() -> int:
    acted = 0
    for _ in range(BATCHES_A_MINUTE):
        with Session.begin() as session:
            some = act_on_breaches(session, city=current_city(session), now=utcnow())
        acted += some
        # Fewer than a batch is no end: somebody's step may hold the lock of one of them.
        if not some:
            break
    return acted


def _holds() -> int:
    resumed = 0
    for _ in range(BATCHES_A_MINUTE):
        with Session.begin() as session:
            some = resume_ended(session, city=current_city(session), now=utcnow())
        resumed += some
        if not some:
            break
    return resumed
