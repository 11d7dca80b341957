"""What is done with the public picture of a photo: detect, mask, release, hide, show.

``make_masked`` is slow and runs outside of transactions; the rest takes the caller's session.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.jobs import enqueue
from app.media.errors import NoSuchRendition, NotReady, StoreUnavailable
from app.media.formats import Format
from app.media.masks import is_box
from app.media.models import Decision, Photo, PhotoDecision
from app.media.service import SIZES, VARIANTS, Media
from app.media.store import NoSuchObject, masked_key, rendition_key

log = logging.getLogger(__name__)

Boxes = list[dict[str, Any]]


def make_masked(media: Media, photo: Photo) -> tuple[Boxes, bool]:
    """Make and store the masked renditions of a photo; give its boxes and whether the detector looked.

    The detector looks once: after staff changed the boxes or released the picture, what they say holds. Raises
    Undecodable (TooSlow where it may pass), DecoderUnavailable, StoreUnavailable.
    """
    try:
        plain = media.store.get(rendition_key(photo.digest, max(SIZES)))
    except NoSuchObject as error:
        raise StoreUnavailable("The rendition is not in the store.") from error
    looks = media.detector is not None and photo.mask_revision == 0 and photo.released_at is None
    boxes = photo.boxes
    if media.detector is not None and looks:
        # A child is not believed: what is no box in the picture is left out.
        boxes = [box for box in media.detector.find(plain) if is_box(box)]
    made = media.prober.mask(plain, boxes, SIZES, tuple(Format))
    for variant, picture in zip(VARIANTS, made, strict=True):
        media.store.put(masked_key(photo.digest, photo.id, photo.mask_revision, *variant), picture)
    return boxes, looks


def mark_masked(session: Session, photo: Photo, boxes: Boxes, *, detected: bool, now: dt.datetime) -> bool:
    """Say that the masked renditions of a revision are in the store; False where staff changed the boxes meanwhile."""
    values: dict[str, Any] = {"masked_at": now, "mask_fault": None, "boxes": boxes}
    if detected:
        values["detected_at"] = now
    statement = update(Photo).where(Photo.id == photo.id, Photo.mask_revision == photo.mask_revision)
    done = session.scalars(statement.values(values).returning(Photo.id)).one_or_none() is not None
    if done:
        enqueue(session, "reports.pair", photo_id=str(photo.id))
    return done


def delete_masked_before(media: Media, photo: Photo) -> None:
    """Delete the masked renditions of the revision before: what was masked less must not lie about. After a commit.

    Where that fails no link leads to them, and the sweep deletes them.
    """
    with suppress(StoreUnavailable):
        for variant in VARIANTS if photo.mask_revision else ():
            media.store.delete(masked_key(photo.digest, photo.id, photo.mask_revision - 1, *variant))


def note_mask_fault(session: Session, photo_id: UUID, fault: str) -> None:
    """Keep why a photo could not be masked: the public does not see it."""
    session.execute(update(Photo).where(Photo.id == photo_id).values(mask_fault=fault))


def lock_photo(session: Session, photo_id: UUID) -> Photo:
    """Lock a photo and read it again. Raises NoSuchRendition, NotReady where nobody can have seen it yet."""
    photo = session.get(Photo, photo_id, with_for_update=True, populate_existing=True)
    if photo is None:
        raise NoSuchRendition
    if photo.arrived_at is None:
        # Released unseen it would be shown as it comes, without the detector's boxes.
        raise NotReady
    return photo


def redo_boxes(session: Session, photo: Photo, boxes: Sequence[dict[str, Any]], *, by: UUID, now: dt.datetime) -> Photo:
    """Replace all boxes of a photo. The public sees no picture until it is masked anew.

    A box that stands there as the detector found it stays the detector's; the others are staff's.
    """
    found = {_place(box) for box in photo.boxes if box["source"] == "detector"}
    photo.boxes = [{**box, "source": "detector" if _place(box) in found else "staff"} for box in boxes]
    photo.mask_revision += 1
    photo.masked_at, photo.mask_fault = None, None
    enqueue(session, "media.mask", photo_id=str(photo.id))
    return _note(session, photo, Decision.MASK, by=by, now=now, boxes=photo.boxes)


def release(session: Session, photo: Photo, *, by: UUID, now: dt.datetime) -> Photo:
    """Let the public see the masked picture, as a person looked at it, whatever the detector did."""
    photo.released_at, photo.released_by = now, by
    if photo.masked_at is None:
        photo.mask_fault = None
        enqueue(session, "media.mask", photo_id=str(photo.id))
    return _note(session, photo, Decision.RELEASE, by=by, now=now)


def hide(session: Session, photo: Photo, *, reason: str, by: UUID, now: dt.datetime) -> Photo:
    """Take the picture from the public, from the next request on."""
    photo.hidden_at, photo.hidden_by, photo.hidden_reason = now, by, reason
    return _note(session, photo, Decision.HIDE, by=by, now=now, reason=reason)


def unhide(session: Session, photo: Photo, *, by: UUID, now: dt.datetime) -> Photo:
    """Take back that it is hidden."""
    photo.hidden_at, photo.hidden_by, photo.hidden_reason = None, None, None
    return _note(session, photo, Decision.SHOW, by=by, now=now)


def _place(box: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(box[name] for name in ("x", "y", "width", "height", "kind"))


def _note(session: Session, photo: Photo, decision: Decision, *, by: UUID, now: dt.datetime, **more: Any) -> Photo:
    session.add(PhotoDecision(photo_id=photo.id, at=now, by=by, decision=decision, **more))
    session.flush()
    # Another photo may take its place beside a repair, or this one may come back.
    enqueue(session, "reports.pair", photo_id=str(photo.id))
    log.info("picture decided", extra={"photo": str(photo.id), "decision": decision.value, "by": str(by)})
    return photo
