"""Jobs of photos: receive, make renditions, mask, sweep."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy.orm import Session as SessionType

from app.db import Reading, Session, utcnow
from app.errors import Problem
from app.jobs import PATIENT, Queue, enqueue, queue
from app.media import masking, orphans, queries, service, spool, uploads
from app.media.breaker import CircuitState
from app.media.errors import PhotoTooLarge, StoreUnavailable, UnreadablePhoto, UploadDiffers
from app.media.models import DirectUpload, UploadState
from app.media.probe import TooSlow, Undecodable
from app.media.store import NoSuchObject, upload_key

log = logging.getLogger(__name__)

# Photos of before there were masks, each hour: a second or two each.
_MASKED_AT_ONCE = 500
_MOVED_AT_ONCE = 500


@queue.task(name="media.receive", queue=Queue.PHOTOS, retry=PATIENT)
def receive(photo_id: str) -> None:
    """Look at what was uploaded directly: make it the photo, or keep why it is none."""
    with Reading() as session:
        upload = session.get(DirectUpload, UUID(photo_id))
    if upload is None or upload.state is not UploadState.ARRIVED:
        return
    media, which = service.current(), (upload.photo_id, upload.attempt)
    try:
        accepted = uploads.examine(media, upload)
    except NoSuchObject:
        with Session.begin() as session:
            uploads.await_again(session, *which, now=utcnow())
        return
    except (UploadDiffers, UnreadablePhoto, PhotoTooLarge) as refusal:
        with Session.begin() as session:
            uploads.refuse(session, *which, refusal.detail, now=utcnow())
        return
    with Session.begin() as session:
        ready = uploads.mark_ready(session, *which, accepted, now=utcnow())
    if ready:
        # Where this does not come to pass, the sweep does it.
        media.store.delete(upload_key(*which))


@queue.periodic(cron="* * * * *")
@queue.task(name="media.look", queue=Queue.PHOTOS, queueing_lock="media.look")
def look(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Take up what clients put into the store without saying so: a phone may lose its network at any moment."""
    there = uploads.look(service.current())
    if not there:
        return
    with Session.begin() as session:
        found = uploads.note_arrivals(session, there, now=utcnow())
    if found:
        log.info("uploads found", extra={"found": found})


@queue.task(name="media.render", queue=Queue.PHOTOS, retry=PATIENT)
def render(photo_id: str) -> None:
    """Make the renditions of a photo. A fault is kept with the photo; where it may pass the job is tried again."""
    with Reading() as session:
        photo = queries.find_photo(session, UUID(photo_id))
    if photo is None or photo.arrived_at is None or photo.rendered_at is not None:
        return
    with _noting(photo.id, service.note_fault, "photo cannot be rendered"):
        service.make_renditions(service.current(), photo)
        with Session.begin() as session:
            service.mark_rendered(session, photo.id, now=utcnow())
            enqueue(session, "media.mask", photo_id=photo_id)


@queue.task(name="media.mask", queue=Queue.PHOTOS, retry=PATIENT)
def mask(photo_id: str) -> None:
    """Make the masked renditions of a photo. What cannot be masked is not shown: the fault is kept for staff."""
    with Reading() as session:
        photo = queries.find_photo(session, UUID(photo_id))
    if photo is None or photo.rendered_at is None or photo.masked_at is not None:
        return
    media = service.current()
    with _noting(photo.id, masking.note_mask_fault, "photo cannot be masked"):
        boxes, detected = masking.make_masked(media, photo)
        with Session.begin() as session:
            done = masking.mark_masked(session, photo, boxes, detected=detected, now=utcnow())
        if done:
            masking.delete_masked_before(media, photo)


@queue.periodic(cron="* * * * *")
@queue.task(name="media.unspool", queue=Queue.PHOTOS, queueing_lock="media.unspool", lock="media.unspool")
def unspool(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Move originals from the database into the store, until none is tried any more; the next minute tries again."""
    with Reading() as session:
        waiting = spool.waiting(session, limit=_MOVED_AT_ONCE)
    moved = 0
    for photo_id in waiting:
        if _is_put(photo_id):
            moved += _move(photo_id)
        elif service.store_health().state is not CircuitState.CLOSED:
            break
    if waiting:
        log.info("originals moved into the store", extra={"moved": moved, "found": len(waiting)})


def _is_put(photo_id: UUID) -> bool:
    """Put an original that waits into the store; False where the store does not take it."""
    with Reading() as session:
        found = spool.read(session, photo_id)
    try:
        if found is not None:
            service.current().store.put(*found)
    except StoreUnavailable:
        return False
    return True


def _move(photo_id: UUID) -> bool:
    with Session.begin() as session:
        return spool.remove(session, photo_id)


@contextmanager
def _noting(photo_id: UUID, note: Callable[[SessionType, UUID, str], None], said: str) -> Iterator[None]:
    """Keep with the photo why its pictures could not be made; only what may pass is raised, for another try."""
    try:
        yield
    except (Undecodable, Problem) as fault:
        with Session.begin() as session:
            note(session, photo_id, str(fault))
        if isinstance(fault, Problem | TooSlow):
            raise
        log.warning(said, extra={"photo": str(photo_id), "fault": str(fault)})


@queue.periodic(cron="12 * * * *")
@queue.task(name="media.forget", queue=Queue.UPKEEP, queueing_lock="media.forget")
def forget(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Remove the rows of photos that nobody claimed, and stop waiting for what was announced and did not come."""
    for forgotten, act in (("photos forgotten", service.forget_unclaimed), ("uploads ended", uploads.end_awaiting)):
        count = service.FORGOTTEN_AT_ONCE
        while count == service.FORGOTTEN_AT_ONCE:
            with Session.begin() as session:
                count = act(session, now=utcnow())
            log.info(forgotten, extra={"count": count})


@queue.periodic(cron="17 * * * *")
@queue.task(name="media.sweep", queue=Queue.UPKEEP, queueing_lock="media.sweep")
def sweep(timestamp: int) -> None:
    """Remove the bytes that no row refers to: each hour of a part of the store, of all of it in a day.

    ``timestamp`` is when the job was due, in seconds of Unix time; its hour (UTC) chooses the part.
    """
    folders = orphans.folders_of_hour(timestamp // 3600 % 24)
    with Reading() as session:
        deleted = service.sweep(session, service.current(), now=utcnow(), folders=folders)
        before = service.swept_before(session, now=utcnow())
        deleted += uploads.sweep_uploads(session, service.current(), before=before)
    log.info("photos swept", extra={"deleted": deleted})


@queue.periodic(cron="22 * * * *")
@queue.task(name="media.mask_rest", queue=Queue.UPKEEP, queueing_lock="media.mask_rest")
def mask_rest(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Have photos masked that were rendered before there were masks."""
    with Session.begin() as session:
        for photo_id in queries.unmasked(session, limit=_MASKED_AT_ONCE):
            enqueue(session, "media.mask", photo_id=str(photo_id))
