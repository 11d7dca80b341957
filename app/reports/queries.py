"""Reads of reports: what is similar nearby, the photos of a report, the reports of a work order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased, contains_eager

from app.accounts.roles import Role
from app.accounts.service import Person
from app.assets.service import nearest_asset
from app.catalogue.city import City
from app.dispatch.lists import in_scope, rows_after
from app.duplicates.words import Words
from app.geo.models import Area
from app.media.models import Photo
from app.media.queries import is_public
from app.reports.models import Rating, Report, ReportLink, ReportPhoto, SpotCheck
from app.reports.suggesting import Question, find_candidates, load
from app.workorders.models import EventKind, Evidence, TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.states import State

POOR = 2  # a rating of 1 or 2 says that it was not well done


@dataclass(frozen=True, slots=True)
class Similar:
    """A work order that may be about the same problem; ``photo_id`` is the first picture that everybody may see.

    ``street`` is where it lies, ``brief`` says in a line of each language why it may be.
    """

    work_order: WorkOrder
    distance_m: float
    photo_id: UUID | None
    street: Area | None
    brief: Words


def find_similar(session: Session, question: Question, *, city: City, now: dt.datetime) -> list[Similar]:
    """Find up to three work orders near a point that are open, or were fixed within three days, the likeliest first.

    With an item: within the pack's radius, as the model orders and cuts them. Without: of any item, within 50 m.
    Sensitive ones are never shown, nor those of items that never join.
    """
    found = load(session, find_candidates(session, _with_asset(session, question, city), city=city, now=now))
    if not found:
        return []
    photos = first_photos(session, [work_order.id for work_order, _ in found])
    streets = streets_of(session, [work_order.street for work_order, _ in found])
    return [
        Similar(
            work_order,
            one.sighting.distance_m,
            photos.get(work_order.id),
            streets.get(work_order.street),
            one.brief,
        )
        for work_order, one in found
    ]


def _with_asset(session: Session, question: Question, city: City) -> Question:
    """Find the asset that is meant, where the item has a class of them."""
    if question.asset is not None or question.item is None or not question.item.asset_class:
        return question
    within = city.limits.asset_match_m
    found = nearest_asset(session, question.point, asset_class=question.item.asset_class, within_m=within)
    return replace(question, asset=found.asset.id) if found else question


def street_of(session: Session, code: str) -> Area | None:
    """Find the street of a code: its present version, else the last one."""
    return streets_of(session, [code]).get(code)


def streets_of(session: Session, codes: Collection[str]) -> dict[str, Area]:
    """Find the streets of codes as ``street_of`` does; those that are not known are left out."""
    statement = (
        select(Area)
        .where(Area.code.in_(set(codes)))
        .ext(distinct_on(Area.code))
        .order_by(Area.code, Area.until.desc().nulls_first())
    )
    return {area.code: area for area in session.scalars(statement)}


def first_photos(session: Session, work_order_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Give the first picture of each work order that everybody may see; those without one are left out."""
    if not work_order_ids:
        return {}
    statement = (
        select(ReportLink.work_order_id, ReportPhoto.photo_id)
        .join(ReportPhoto, ReportPhoto.report_id == ReportLink.report_id)
        .join(Photo, Photo.id == ReportPhoto.photo_id)
        .where(ReportLink.work_order_id.in_(work_order_ids), is_public())
        .ext(distinct_on(ReportLink.work_order_id))
        .order_by(ReportLink.work_order_id, ReportLink.linked_at, ReportPhoto.position)
    )
    return {row.work_order_id: row.photo_id for row in session.execute(statement)}


def was_filed(session: Session, idempotency_key: UUID) -> bool:
    """Tell whether a report was filed under the client's key."""
    return session.scalar(select(Report.id).where(Report.idempotency_key == idempotency_key)) is not None


def photos_of_report(session: Session, report_id: UUID) -> Sequence[Photo]:
    """Give the photos of a report in the order in which they were sent."""
    statement = (
        select(Photo)
        .join(ReportPhoto, ReportPhoto.photo_id == Photo.id)
        .where(ReportPhoto.report_id == report_id)
        .order_by(ReportPhoto.position)
    )
    return session.scalars(statement).all()


def rating_of(session: Session, report_id: UUID, work_order: WorkOrder) -> Rating | None:
    """Give what a reporter said of the repair that a work order has now, None before they did."""
    statement = select(Rating).where(
        Rating.report_id == report_id, Rating.round == work_order.rounds, Rating.work_order_id == work_order.id
    )
    return session.scalars(statement).one_or_none() if work_order.fixed_at else None


def has_confirmed(session: Session, report_id: UUID, work_order: WorkOrder) -> bool:
    """Tell whether a reporter said of the repair that a work order has now that it is fixed."""
    if work_order.fixed_at is None:
        return False
    statement = select(TimelineEvent.id).where(
        TimelineEvent.work_order_id == work_order.id,
        TimelineEvent.kind == EventKind.CONFIRMED,
        TimelineEvent.by == f"{Role.REPORTER}:{report_id}",
        TimelineEvent.at >= work_order.fixed_at,
    )
    return session.scalar(statement.limit(1)) is not None


def last_objection(session: Session, report_id: UUID, work_order: WorkOrder) -> dict[str, Any] | None:
    """Give what history keeps of the last time that a reporter said it is not fixed; None before they did."""
    statement = (
        select(TimelinePayload.content)
        .join(TimelineEvent, TimelineEvent.id == TimelinePayload.event_id)
        .where(
            TimelineEvent.work_order_id == work_order.id,
            TimelineEvent.kind == EventKind.OBJECTED,
            TimelineEvent.by == f"{Role.REPORTER}:{report_id}",
        )
        .order_by(TimelineEvent.number.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def reports_of(session: Session, work_order_id: UUID) -> Sequence[Report]:
    """Give the reports of a work order, first filed first."""
    link = aliased(ReportLink)
    statement = (
        select(Report)
        .join(link, link.report_id == Report.id)
        .where(link.work_order_id == work_order_id)
        .order_by(Report.filed_at, Report.id)
    )
    return session.scalars(statement).all()


def owners_of_photos(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, str]:
    """Say of photos in words to which report and work order they belong; those that nobody claimed are left out."""
    sent = (
        select(ReportPhoto.photo_id, Report.number, WorkOrder.public_id)
        .join(Report, Report.id == ReportPhoto.report_id)
        .join(ReportLink, ReportLink.report_id == Report.id)
        .join(WorkOrder, WorkOrder.id == ReportLink.work_order_id)
        .where(ReportPhoto.photo_id.in_(list(photo_ids)))
    )
    brought = (
        select(Evidence.photo_id, WorkOrder.public_id)
        .join(WorkOrder, WorkOrder.id == Evidence.work_order_id)
        .where(Evidence.photo_id.in_(list(photo_ids)))
    )
    owners = {one: f"brought by a crew to work order {public_id}" for one, public_id in session.execute(brought)}
    return owners | {
        one: f"sent with report {number}, work order {public_id}" for one, number, public_id in session.execute(sent)
    }


def photos_of_reports(session: Session, work_order_id: UUID) -> dict[UUID, list[UUID]]:
    """Give the photo ids of every report of a work order, by report."""
    statement = (
        select(ReportPhoto.report_id, ReportPhoto.photo_id)
        .join(ReportLink, ReportLink.report_id == ReportPhoto.report_id)
        .where(ReportLink.work_order_id == work_order_id)
        .order_by(ReportPhoto.report_id, ReportPhoto.position)
    )
    found: dict[UUID, list[UUID]] = {}
    for report_id, photo_id in session.execute(statement):
        found.setdefault(report_id, []).append(photo_id)
    return found


def photos_of_events(events: Iterable[TimelineEvent]) -> list[UUID]:
    """Give the photo ids that lines of history name, those of objections and papers too."""
    contents = [event.payload.content for event in events if event.payload]
    named = (photo for content in contents for kind in ("photos", "own_photos") for photo in content.get(kind, ()))
    return [UUID(photo_id) for photo_id in named]


def open_spot_checks(
    session: Session, *, by: Person, city: City, limit: int, after: Sequence[Any] | None = None
) -> Sequence[SpotCheck]:
    """List the repairs that wait for a call or a visit, oldest first, within the person's scope.

    A repair that came back before anybody looked waits no more: its check is of a round that is over.
    """
    statement = (
        select(SpotCheck)
        .join(SpotCheck.work_order)
        .options(contains_eager(SpotCheck.work_order).joinedload(WorkOrder.item))
        .where(SpotCheck.done_at.is_(None), SpotCheck.round == WorkOrder.rounds)
        .where(WorkOrder.state == State.FIXED, in_scope(by, city))
        .limit(limit)
    )
    return session.scalars(rows_after(statement, SpotCheck.at, SpotCheck.id, after)).all()


def ratings_by_unit(
    session: Session, *, since: dt.datetime, until: dt.datetime, by: Person, city: City
) -> Sequence[Row[Any]]:
    """Give, by unit, the ratings of a period: how many, of how many work orders, their means, how many are poor."""
    rated = (Rating.overall, Rating.speed, Rating.attitude, Rating.result)
    means = (func.avg(column).label(column.key) for column in rated)
    statement = (
        select(
            Rating.unit,
            func.count().label("ratings"),
            func.count(Rating.work_order_id.distinct()).label("work_orders"),
            *means,
            func.count().filter(Rating.overall <= POOR).label("poor"),
        )
        .join(WorkOrder, WorkOrder.id == Rating.work_order_id)
        .where(Rating.at >= since, Rating.at < until, in_scope(by, city))
        .group_by(Rating.unit)
        .order_by(Rating.unit)
    )
    return session.execute(statement).all()
