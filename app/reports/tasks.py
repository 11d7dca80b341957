"""Jobs of reports: draw the sample of a repair, look at late photos, close what met silence."""

from __future__ import annotations

import logging
from uuid import UUID

from app.catalogue.city import current_city
from app.catalogue.errors import NoCity
from app.db import Session, utcnow
from app.jobs import PATIENT, queue
from app.reports.service import after_fix, late

log = logging.getLogger(__name__)

BATCHES_A_MINUTE = 50


@queue.task(name="reports.sample", retry=PATIENT)
def sample(work_order_id: str, round_number: int) -> None:
    """Decide whether a repair is checked before it closes."""
    with Session.begin() as session:
        after_fix.sample(session, UUID(work_order_id), round_number, now=utcnow())


@queue.task(name="reports.compare_place", retry=PATIENT)
def compare_place(photo_id: str) -> None:
    """Look whether a photo that came after its report was taken where the report says."""
    with Session.begin() as session:
        late.compare_place(session, UUID(photo_id))


@queue.periodic(cron="* * * * *")
@queue.task(name="reports.close_silent", queueing_lock="reports.close_silent")
def close_silent(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Close what was confirmed a day ago, or met silence for long enough."""
    closed = 0
    try:
        for _ in range(BATCHES_A_MINUTE):
            with Session.begin() as session:
                some = after_fix.close_silent(session, city=current_city(session), now=utcnow())
            closed += some
            if some < after_fix.CLOSED_AT_ONCE:
                break
    except NoCity:
        return
    if closed:
        log.info("work orders closed by silence", extra={"closed": closed})
