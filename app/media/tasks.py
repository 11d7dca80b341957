"""Jobs of photos: make renditions, sweep."""

from __future__ import annotations

import logging
from uuid import UUID

from app.db import Reading, Session, utcnow
from app.errors import Problem
from app.jobs import PATIENT, queue
from app.media import queries, service
from app.media.probe import TooSlow, Undecodable

log = logging.getLogger(__name__)


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


@queue.periodic(cron="17 * * * *")
@queue.task(name="media.sweep", queueing_lock="media.sweep")
def sweep(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Remove photos that nobody claimed and bytes that nobody refers to."""
    with Session.begin() as session:
        forgotten = service.forget_unclaimed(session, now=utcnow())
    with Reading() as session:
        deleted = service.sweep(session, service.current(), now=utcnow())
    log.info("photos swept", extra={"forgotten": forgotten, "deleted": deleted})
