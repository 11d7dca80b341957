"""Follow a report: what the one who sent it may see of its work order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.catalogue.city import City, current_city
from app.catalogue.models import Unit
from app.dispatch.service import lead_assignment
from app.media.models import Photo, UploadState
from app.media.queries import public_among
from app.media.uploads import unseen_among
from app.notify import service as notify
from app.notify.keys import tracking_hash, tracking_url
from app.notify.log import contacts_of
from app.notify.models import ChannelKind
from app.reports.errors import NoSuchContact, NoSuchReport
from app.reports.models import How, Report, ReportLink
from app.reports.pair_models import EvidencePair
from app.reports.queries import photos_of_events, photos_of_report
from app.reports.service.pair import public_pair
from app.reports.steps import PublicStep, public_steps
from app.workorders import service as workorders
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
    contacts: Sequence[dict[str, Any]]

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
        awaited=unseen_among(session, [*(photo.id for photo in photos), *photos_of_events(events)]),
        pair=public_pair(session, work_order, to=report),
        city=current_city(session),
        contacts=contacts_of(session, report.id),
    )


def _seen(session: Session, events: Sequence[TimelineEvent]) -> frozenset[UUID]:
    """Give the photos of a history that everybody may see."""
    return public_among(session, photos_of_events(events))


def add_contact(
    session: Session, report: Report, *, contact: str, channel: ChannelKind | None, language: str, now: dt.datetime
) -> None:
    """Let a reporter hear by one more contact, or by another one of the same channel. Raises UnusableContact."""
    linked = select(WorkOrder).join(ReportLink, ReportLink.work_order_id == WorkOrder.id)
    (work_order,) = workorders.lock_all(session, linked.where(ReportLink.report_id == report.id))
    notify.subscribe(
        session,
        work_order,
        subscriber=report.id,
        about={"number": report.number, "place": report.place},
        contact=contact,
        channel=channel,
        language=language or report.language,
        now=now,
    )


def ask_again(session: Session, report: Report, contact_id: UUID, *, now: dt.datetime) -> None:
    """Ask once more whether an address is the reporter's. Raises NoSuchContact, AskedEnough."""
    if contact_id not in {each["id"] for each in contacts_of(session, report.id)}:
        raise NoSuchContact
    notify.ask_again(session, contact_id, now=now)


def drop_contact(session: Session, report: Report, contact_id: UUID, *, now: dt.datetime) -> None:
    """Tell a reporter nothing more by a contact. Raises NoSuchContact."""
    if contact_id not in {each["id"] for each in contacts_of(session, report.id)}:
        raise NoSuchContact
    notify.end_for(session, report.id, contact_id, now=now)
