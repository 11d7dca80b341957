"""Follow a report: what the one who sent it may see of its work order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.catalogue.city import City, current_city
from app.catalogue.models import Unit
from app.dispatch.service import lead_assignment
from app.media.models import Photo, UploadState
from app.media.queries import public_among
from app.media.uploads import awaited_among
from app.notify.keys import tracking_hash, tracking_url
from app.reports.errors import NoSuchReport
from app.reports.models import How, Report, ReportLink
from app.reports.pair_models import EvidencePair
from app.reports.queries import photos_of_events, photos_of_report
from app.reports.service.pair import public_pair
from app.reports.steps import PublicStep, public_steps
from app.workorders.models import TimelineEvent, WorkOrder
from app.workorders.queries import history


@dataclass(frozen=True, slots=True)
class Track:
    """A report as its reporter sees it, with the public history of its work order.

    ``photos`` are the reporter's own; ``seen`` are those of history that everybody may see, masked.
    ``awaited`` are those of both whose picture is not here; ``pair`` is before and after, where one is to be seen.
    """

    report: Report
    work_order: WorkOrder
    how: How
    unit: Unit | None
    steps: Sequence[PublicStep]
    events: Sequence[TimelineEvent]
    photos: Sequence[Photo]
    seen: frozenset[UUID]
    awaited: dict[UUID, UploadState]
    pair: EvidencePair | None
    city: City

    @property
    def joined(self) -> bool:
        """Tell whether the report joined a work order that was open already."""
        return self.how is not How.OPENED

    @property
    def tracking_url(self) -> str:
        """Give the secret link of the report."""
        return tracking_url(self.report.id)


def track(session: Session, secret: str) -> Track:
    """Follow a report by the secret of its link. Raises NoSuchReport."""
    return show(session, find_report(session, secret))


def find_report(session: Session, secret: str) -> Report:
    """Find a report by the secret of its link. Raises NoSuchReport."""
    report = session.scalars(select(Report).where(Report.tracking_digest == tracking_hash(secret))).one_or_none()
    if report is None:
        raise NoSuchReport
    return report


def show(session: Session, report: Report) -> Track:
    """Give a report as its reporter sees it now."""
    statement = (
        select(WorkOrder, ReportLink.how)
        .join(ReportLink, ReportLink.work_order_id == WorkOrder.id)
        .where(ReportLink.report_id == report.id)
        .options(joinedload(WorkOrder.item))
    )
    work_order, how = session.execute(statement).one()
    lead = lead_assignment(session, work_order)
    events = history(session, work_order.id, public_only=True)
    photos = photos_of_report(session, report.id)
    return Track(
        report=report,
        work_order=work_order,
        how=how,
        unit=lead.unit if lead else None,
        steps=public_steps(work_order.state, events),
        events=events,
        photos=photos,
        seen=_seen(session, events),
        awaited=awaited_among(session, [*(photo.id for photo in photos), *photos_of_events(events)]),
        pair=public_pair(session, work_order, to=report),
        city=current_city(session),
    )


def _seen(session: Session, events: Sequence[TimelineEvent]) -> frozenset[UUID]:
    """Give the photos of a history that everybody may see."""
    return public_among(session, photos_of_events(events))
