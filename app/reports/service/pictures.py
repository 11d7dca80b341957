"""What staff do with the public picture of a photo; the work order that it belongs to says who may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.media import masking
from app.media.errors import NoSuchRendition
from app.media.models import Photo
from app.media.queries import find_photo
from app.reports.models import ReportLink, ReportPhoto
from app.workorders.models import Evidence, WorkOrder


def redo_boxes(
    session: Session, photo_id: UUID, boxes: Sequence[dict[str, Any]], *, by: Person, now: dt.datetime
) -> Photo:
    """Say all that is masked in a photo. Raises NoSuchRendition outside the scope of ``by``."""
    return masking.redo_boxes(session, _lock(session, photo_id, by=by), boxes, by=by.id, now=now)


def release_picture(session: Session, photo_id: UUID, *, by: Person, now: dt.datetime) -> Photo:
    """Let the public see a picture that no detector looked at. Raises NoSuchRendition outside the scope of ``by``."""
    return masking.release(session, _lock(session, photo_id, by=by), by=by.id, now=now)


def hide_picture(session: Session, photo_id: UUID, *, reason: str, by: Person, now: dt.datetime) -> Photo:
    """Hide a picture from the public. Raises NoSuchRendition outside the scope of ``by``."""
    return masking.hide(session, _lock(session, photo_id, by=by), reason=reason, by=by.id, now=now)


def unhide_picture(session: Session, photo_id: UUID, *, by: Person, now: dt.datetime) -> Photo:
    """Show a picture again that was hidden. Raises NoSuchRendition outside the scope of ``by``."""
    return masking.unhide(session, _lock(session, photo_id, by=by), by=by.id, now=now)


def find_picture(session: Session, photo_id: UUID, *, by: Person) -> Photo:
    """Find a photo of a work order in the scope of ``by``. Raises NoSuchRendition."""
    photo = find_photo(session, photo_id)
    if photo is None or not _covers(by, work_order_of(session, photo_id), current_city(session)):
        raise NoSuchRendition
    return photo


def _lock(session: Session, photo_id: UUID, *, by: Person) -> Photo:
    find_picture(session, photo_id, by=by)
    return masking.lock_photo(session, photo_id)


def work_order_of(session: Session, photo_id: UUID) -> WorkOrder | None:
    """Give the work order that a resident's report or a crew brought the photo to; photos of objections have none."""
    reported = (
        select(ReportLink.work_order_id)
        .join(ReportPhoto, ReportPhoto.report_id == ReportLink.report_id)
        .where(ReportPhoto.photo_id == photo_id)
    )
    brought = select(Evidence.work_order_id).where(Evidence.photo_id == photo_id)
    statement = select(WorkOrder).where(WorkOrder.id.in_(union(reported, brought).scalar_subquery()))
    return session.scalars(statement).first()


def _covers(by: Person, work_order: WorkOrder | None, city: City) -> bool:
    if work_order is None:
        return False
    units = (work_order.lead_unit, *work_order.co_units)
    return by.covers(units=units, areas=(*work_order.areas, city.code))
