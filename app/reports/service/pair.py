"""The pair of a work order: its first public photo, and the first one of after its latest repair, in one frame.

Which photos these are is found anew at every reading, among those that everybody may see now; the row only says that
their pictures are made. So hiding one or changing its boxes takes the pair away at once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.media.models import Photo
from app.media.pairs import Made, Masked, Pair
from app.media.queries import is_public
from app.reports.models import Report, ReportLink, ReportPhoto
from app.reports.pair_models import EvidencePair
from app.reports.service.pictures import work_order_of
from app.workorders.models import Evidence, TimelineEvent, WorkOrder
from app.workorders.service import lock_all
from app.workorders.states import EventKind

REPAIRS = (EventKind.FIXED, EventKind.PART_FIXED)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a pair that was made: it was ``kept`` or not, and ``gone`` are those whose pictures may go."""

    kept: bool
    gone: tuple[Pair, ...]


def choose(session: Session, work_order_id: UUID) -> Pair | None:
    """Find the photos of the pair that everybody may see now; None where one is missing."""
    repair = _latest_repair(session, work_order_id)
    if repair is None:
        return None
    before, after = _first_before(session, work_order_id, repair), _first_after(session, repair)
    return Pair(Masked.of(before), Masked.of(after)) if before and after else None


def public_pair(session: Session, work_order: WorkOrder, *, to: Report | None = None) -> EvidencePair | None:
    """Give the pair of a work order that may be seen now, to a reporter or (without one) to staff.

    Of a sensitive one a reporter sees the pair only where its photo of before is their own.
    """
    row = session.get(EvidencePair, work_order.id, populate_existing=True)
    if row is None or _said(row) != _named(choose(session, work_order.id)):
        return None
    if work_order.sensitive and to is not None and not _is_of(session, row.before_id, to):
        return None
    return row


def order_of_photo(session: Session, photo_id: UUID) -> UUID | None:
    """Give the work order that a photo belongs to."""
    work_order = work_order_of(session, photo_id)
    return work_order.id if work_order else None


def is_made(session: Session, work_order_id: UUID, wanted: Pair | None) -> bool:
    """Tell whether the row of a work order says what is wanted already."""
    row = session.get(EvidencePair, work_order_id, populate_existing=True)
    return _named(wanted) == (_said(row) if row else None)


def settle(session: Session, work_order_id: UUID, pair: Pair | None, made: Made | None, *, now: dt.datetime) -> Settled:
    """Keep a pair that was made, where it is still the one to be shown; None takes away what is there.

    Under the lock of the work order, so that of two jobs the one that knows less does not have the last word.
    """
    lock_all(session, select(WorkOrder).where(WorkOrder.id == work_order_id))
    row = session.get(EvidencePair, work_order_id, populate_existing=True)
    before = _read(session, row) if row else None
    if choose(session, work_order_id) != pair:
        return Settled(kept=False, gone=(pair,) if pair and pair != before else ())
    if pair and made:
        session.merge(_row(work_order_id, pair, made, now=now))
    elif row:
        session.delete(row)
    return Settled(kept=pair is not None, gone=(before,) if before and before != pair else ())


def _latest_repair(session: Session, work_order_id: UUID) -> TimelineEvent | None:
    statement = (
        select(TimelineEvent)
        .where(TimelineEvent.work_order_id == work_order_id, TimelineEvent.kind.in_(REPAIRS))
        .order_by(TimelineEvent.number.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def _first_before(session: Session, work_order_id: UUID, repair: TimelineEvent) -> Photo | None:
    """Find the first public photo of the reports; one that came after the repair shows what it left."""
    statement = (
        select(Photo)
        .join(ReportPhoto, ReportPhoto.photo_id == Photo.id)
        .join(ReportLink, ReportLink.report_id == ReportPhoto.report_id)
        .join(Report, Report.id == ReportPhoto.report_id)
        .where(ReportLink.work_order_id == work_order_id, Report.filed_at <= repair.at, is_public())
        .order_by(Report.filed_at, Report.id, ReportPhoto.position)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def _first_after(session: Session, repair: TimelineEvent) -> Photo | None:
    statement = (
        select(Photo)
        .join(Evidence, Evidence.photo_id == Photo.id)
        .where(Evidence.event_id == repair.id, Evidence.after, is_public())
        .order_by(Photo.stored_at, Photo.id)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def _is_of(session: Session, photo_id: UUID, report: Report) -> bool:
    statement = select(func.count()).where(ReportPhoto.photo_id == photo_id, ReportPhoto.report_id == report.id)
    return bool(session.scalar(statement))


def _said(row: EvidencePair) -> tuple[UUID, int, UUID, int]:
    return row.before_id, row.before_revision, row.after_id, row.after_revision


def _named(pair: Pair | None) -> tuple[UUID, int, UUID, int] | None:
    if pair is None:
        return None
    return pair.before.photo_id, pair.before.revision, pair.after.photo_id, pair.after.revision


def _read(session: Session, row: EvidencePair) -> Pair:
    """Give the pair that a row is about, as it was masked when the row was written."""
    sides = ((row.before_id, row.before_revision), (row.after_id, row.after_revision))
    before, after = (Masked(each, session.get_one(Photo, each).digest, revision) for each, revision in sides)
    return Pair(before, after)


def _row(work_order_id: UUID, pair: Pair, made: Made, *, now: dt.datetime) -> EvidencePair:
    return EvidencePair(
        work_order_id=work_order_id,
        before_id=pair.before.photo_id,
        after_id=pair.after.photo_id,
        before_revision=pair.before.revision,
        after_revision=pair.after.revision,
        aligned=made.aligned,
        width=made.width,
        height=made.height,
        made_at=now,
    )
