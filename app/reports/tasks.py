"""Jobs of reports: draw the sample of a repair, look at late photos, close what met silence, make pairs."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy.orm import Session as SessionType

from app.catalogue.city import current_city
from app.catalogue.errors import NoCity
from app.db import Reading, Session, utcnow
from app.jobs import PATIENT, Queue, queue
from app.media import pairs
from app.media import service as media
from app.media.probe import TooSlow, Undecodable
from app.reports.service import after_fix, late
from app.reports.service import pair as evidence

log = logging.getLogger(__name__)

BATCHES_A_MINUTE = 50


@queue.task(name="reports.sample", queue=Queue.CLOCKS, retry=PATIENT)
def sample(work_order_id: str, round_number: int) -> None:
    """Decide whether a repair is checked before it closes."""
    with Session.begin() as session:
        after_fix.sample(session, UUID(work_order_id), round_number, now=utcnow())


@queue.task(name="reports.compare_place", queue=Queue.CLOCKS, retry=PATIENT)
def compare_place(photo_id: str) -> None:
    """Look whether a photo that came after its report was taken where the report says."""
    with Session.begin() as session:
        late.compare_place(session, UUID(photo_id))


@queue.periodic(cron="* * * * *")
@queue.task(name="reports.close_silent", queue=Queue.CLOCKS, queueing_lock="reports.close_silent")
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


@queue.task(name="reports.pair", queue=Queue.PHOTOS, retry=PATIENT)
def pair(photo_id: str | None = None, work_order_id: str | None = None) -> None:
    """Make the pair of a work order, or of the one that a photo belongs to; take it away where there is none now."""
    with Reading() as session:
        order_id = UUID(work_order_id) if work_order_id else _order_of(session, photo_id)
        wanted = evidence.choose(session, order_id) if order_id else None
        if order_id is None or evidence.is_made(session, order_id, wanted):
            return
    try:
        made = pairs.make_pair(media.current(), wanted) if wanted else None
    except TooSlow:
        raise
    except Undecodable as fault:
        log.warning("pair cannot be made", extra={"work_order": str(order_id), "fault": str(fault)})
        return
    since = utcnow()
    with Session.begin() as session:
        settled = evidence.settle(session, order_id, wanted, made, now=since)
    for gone in settled.gone:
        pairs.forget_pair(media.current(), gone, since=since)


def _order_of(session: SessionType, photo_id: str | None) -> UUID | None:
    return evidence.order_of_photo(session, UUID(photo_id)) if photo_id else None
