"""Jobs of photos: make renditions, sweep."""

from __future__ import annotations

import logging
from uuid import UUID

from app.db import Reading, Session, utcnow
from app.errors import Problem
from app.jobs import PATIENT, enqueue, queue
from app.media import masking, queries, service
from app.media.probe import TooSlow, Undecodable

log = logging.getLogger(__name__)

# Photos of before there were masks, each hour: a second or two each.
_MASKED_AT_ONCE = 500


@queue.task(name="media.render", retry=PATIENT)
def render(photo_id: str) -> None:
    """Make the renditions of a photo. A fault is kept with the photo; where it may pass the job is tried again."""
    with Reading() as session:
        photo = queries.find_photo(session, UUID(photo_id))
    if photo is None or photo.rendered_at is not None:
        return
    try:
        service.make_renditions(service.current(), photo)
    except (Undecodable, Problem) as fault:
        with Session.begin() as session:
            service.note_fault(session, photo.id, str(fault))
        if isinstance(fault, Problem | TooSlow):
            raise
        log.warning("photo cannot be rendered", extra={"photo": photo_id, "fault": str(fault)})
        return
    with Session.begin() as session:
        service.mark_rendered(session, photo.id, now=utcnow())
        enqueue(session, "media.mask", photo_id=photo_id)


@queue.task(name="media.mask", retry=PATIENT)
def mask(photo_id: str) -> None:
    """Make the masked renditions of a photo. What cannot be masked is not shown: the fault is kept for staff."""
    with Reading() as session:
        photo = queries.find_photo(session, UUID(photo_id))
    if photo is None or photo.rendered_at is None or photo.masked_at is not None:
        return
    media = service.current()
    try:
        boxes, detected = masking.make_masked(media, photo)
    except (Undecodable, Problem) as fault:
        with Session.begin() as session:
            masking.note_mask_fault(session, photo.id, str(fault))
        if isinstance(fault, Problem | TooSlow):
            raise
        log.warning("photo cannot be masked", extra={"photo": photo_id, "fault": str(fault)})
        return
    with Session.begin() as session:
        masking.mark_masked(session, media, photo, boxes, detected=detected, now=utcnow())


@queue.periodic(cron="17 * * * *")
@queue.task(name="media.sweep", queueing_lock="media.sweep")
def sweep(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Remove photos that nobody claimed and bytes that nobody refers to."""
    with Session.begin() as session:
        forgotten = service.forget_unclaimed(session, now=utcnow())
    with Reading() as session:
        deleted = service.sweep(session, service.current(), now=utcnow())
    with Session.begin() as session:
        for photo_id in queries.unmasked(session, limit=_MASKED_AT_ONCE):
            enqueue(session, "media.mask", photo_id=str(photo_id))
    log.info("photos swept", extra={"forgotten": forgotten, "deleted": deleted})
