"""What a report may be the same as: candidates and what their features need in one statement, then the model.

The statement walks the partial GiST index of live work orders from the point outwards and stops after a few dozen rows,
however dense a city is; all that is left is arithmetic (``app.duplicates``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, null, select, text, union
from sqlalchemy.orm import Session, joinedload

from app.catalogue.city import Channel, City
from app.catalogue.models import Item, Joining
from app.duplicates import features
from app.duplicates.answers import Answer, Suggestion
from app.duplicates.features import NEAREST, NEAREST_OF_ITEM, Asking, Sighting
from app.duplicates.likeness import photos_alike, words_alike
from app.duplicates.words import Words, brief, reasons
from app.geo.types import Point, away, metres, near
from app.media.models import Photo
from app.notify.models import Contact, Subscription
from app.reports.joining import FIXED_DAYS
from app.reports.models import Report, ReportLink, ReportPhoto
from app.workorders.models import LIVE, WorkOrder
from app.workorders.states import State

SUGGESTED = 3
FOR_THE_DESK = 10
WITHOUT_ITEM_M = 50.0
# What tells of a work order: the first reports of it are enough.
_REPORTS_READ = 3
_PUBLIC = text("NOT work_orders.sensitive")
# Of a few dozen candidates three are shown: the others are read as columns, which costs a quarter of whole objects.
_SEEN = (
    WorkOrder.id,
    WorkOrder.item_code,
    WorkOrder.state,
    WorkOrder.opened_at,
    WorkOrder.position,
    WorkOrder.asset_id,
    Item.major_zh,
    Item.major_en,
    Item.responsible_role,
    Item.joining,
    Item.dedup_window_days,
)
_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is known of the report that may be a duplicate; what is not known is left out.

    ``contact`` is the digest of the reporter's contact. It is for what is filed, never for what a page shows: who types
    another person's address must not learn what that one reported. ``hashes`` are the difference hashes of its photos.
    """

    point: Point
    item: Item | None
    accuracy_m: float = 0.0
    asset: UUID | None = None
    channel: str = ""
    description: str = ""
    hashes: Sequence[int] = ()
    contact: bytes | None = None
    besides: UUID | None = None

    @property
    def asking(self) -> Asking:
        """Give what the model takes of it."""
        radius = self.item.dedup_radius_m if self.item and self.item.dedup_radius_m else features.STANDARD_M
        return Asking(
            self.item.code if self.item else "",
            radius_m=radius,
            accuracy_m=self.accuracy_m,
            staff=self.channel == Channel.PATROL,
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A work order that may be the same, by its id: its score, what was seen of it, and why it scores so.

    ``may_join`` says whether a report of now could join it by the rule of its own item.
    """

    id: UUID
    sighting: Sighting
    score: float
    may_join: bool
    why: Sequence[dict[str, str | float]] = field(default=())

    @property
    def brief(self) -> Words:
        """Say it in one line for the resident."""
        return brief(self.sighting)


def find_candidates(session: Session, question: Question, *, city: City, now: dt.datetime) -> list[Candidate]:
    """Find up to three work orders that the model holds for the same, the likeliest first.

    Those that score less than ``suggest_at`` are not shown, nor those of items that never join. Without an item there
    is nothing for the model to go by: the nearest come first, within 50 m.
    """
    item = question.item
    if item is not None and (item.joining is Joining.NEVER or item.sensitive):
        return []
    found = [one for one in rank(session, question, city=city, now=now) if one.may_join]
    if item is None:
        found.sort(key=lambda one: (one.sighting.distance_m, -one.sighting.hours))
    else:
        found = [one for one in found if one.score >= city.duplicates.suggest_at]
    return found[:SUGGESTED]


def load(session: Session, found: Sequence[Candidate]) -> list[tuple[WorkOrder, Candidate]]:
    """Give the work orders of candidates, with their items, beside them."""
    if not found:
        return []
    statement = select(WorkOrder).where(WorkOrder.id.in_([one.id for one in found])).options(joinedload(WorkOrder.item))
    loaded = {each.id: each for each in session.scalars(statement)}
    return [(loaded[one.id], one) for one in found]


def surest(session: Session, question: Question, *, city: City, now: dt.datetime) -> UUID | None:
    """Find the open work order that the model is so sure of that the machine joins by itself; mostly there is none."""
    if city.duplicates.join_at is None or question.item is None or question.item.joining is not Joining.SUGGEST:
        return None
    for one in find_candidates(session, question, city=city, now=now):
        if city.duplicates.joins(one.score) and not one.sighting.fixed and one.sighting.same_item:
            return one.id
    return None


def find_duplicates(session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime) -> list[Candidate]:
    """Find up to ten work orders that may be about the same problem as one that is open, and why: for the desk.

    It is judged as its own first report would be now. Nothing is cut, and nothing is found for what is not public.
    """
    if work_order.sensitive:
        return []
    item = session.get_one(Item, work_order.item_id)
    question = Question(
        point=work_order.position,
        item=item,
        accuracy_m=work_order.accuracy_m,
        asset=work_order.asset_id,
        besides=work_order.id,
    )
    return rank(session, question, city=city, now=now, explain=True)[:FOR_THE_DESK]


def rank(
    session: Session, question: Question, *, city: City, now: dt.datetime, explain: bool = False
) -> list[Candidate]:
    """Give what stands around with its scores, the likeliest first; ``explain`` adds why."""
    model, asking = city.duplicates, question.asking
    rows = session.execute(_statement(question, city=city, now=now)).all()
    sightings = [_sight(row, question, now=now) for row in rows]
    scores = model.scores(asking, sightings)
    order = sorted(range(len(rows)), key=lambda place: (-scores[place], sightings[place].distance_m, place))
    return [
        Candidate(
            rows[place].id,
            sightings[place],
            scores[place],
            _may_join(rows[place], city=city, now=now),
            reasons(model.contributions(asking, sightings, place)) if explain else (),
        )
        for place in order
    ]


def _may_join(row: Row[Any], *, city: City, now: dt.datetime) -> bool:
    days = min(row.dedup_window_days or 0, city.limits.duplicate_candidates_days)
    return row.joining is not Joining.NEVER and row.opened_at > now - dt.timedelta(days=days)


def _statement(question: Question, *, city: City, now: dt.datetime) -> Select[*tuple[Any, ...]]:
    """Select the nearest of any item and the nearest of this one, with all that tells of each."""
    around = _nearest(question, NEAREST, city=city, now=now)
    if question.item is not None:
        mine = _nearest(question, NEAREST_OF_ITEM, city=city, now=now).where(WorkOrder.item_code == question.item.code)
        found = union(select(around.subquery().c.id), select(mine.subquery().c.id)).subquery()
    else:
        found = around.subquery()
    distance = metres(WorkOrder.position, question.point).label("distance")
    return (
        select(*_SEEN, distance, *_told(question))
        .join(found, found.c.id == WorkOrder.id)
        .join(WorkOrder.item)
        .order_by(distance, WorkOrder.opened_at.desc())
    )


def _nearest(question: Question, most: int, *, city: City, now: dt.datetime) -> Select[UUID]:
    limits = city.limits
    radius = limits.duplicate_candidates_m if question.item is not None else WITHOUT_ITEM_M
    statement = (
        select(WorkOrder.id)
        .where(LIVE, _PUBLIC, near(WorkOrder.position, question.point, radius))
        .where(WorkOrder.opened_at > now - dt.timedelta(days=limits.duplicate_candidates_days))
        .where((WorkOrder.state != State.FIXED) | (WorkOrder.fixed_at > now - dt.timedelta(days=FIXED_DAYS)))
        .order_by(away(WorkOrder.position, question.point))
        .limit(most)
    )
    return statement.where(WorkOrder.id != question.besides) if question.besides else statement


def _told(question: Question) -> list[ColumnElement[Any]]:
    """Select what was reported of a work order, as far as the question can be compared with it."""
    mine = (
        select(Report.id, Report.channel, Report.description)
        .join(ReportLink, ReportLink.report_id == Report.id)
        .where(ReportLink.work_order_id == WorkOrder.id)
        .order_by(ReportLink.linked_at, Report.id)
        .limit(_REPORTS_READ)
        .correlate(WorkOrder)
        .subquery()
    )
    nothing: ColumnElement[Any] = null()
    channel = select(func.array_agg(mine.c.channel)).scalar_subquery() if question.channel else nothing
    words = select(func.array_agg(mine.c.description)).scalar_subquery() if question.description else nothing
    hashes = (
        select(func.array_agg(Photo.dhash))
        .join(ReportPhoto, ReportPhoto.photo_id == Photo.id)
        .join(mine, mine.c.id == ReportPhoto.report_id)
        .where(Photo.dhash.is_not(None))
        .scalar_subquery()
        if question.hashes
        else nothing
    )
    own = (
        select(Subscription.id)
        .join(Contact, Contact.id == Subscription.contact_id)
        .where(Subscription.work_order_id == WorkOrder.id, Contact.digest == question.contact)
        .correlate(WorkOrder)
        .exists()
        if question.contact
        else nothing
    )
    return [channel.label("channels"), words.label("words"), hashes.label("hashes"), own.label("own")]


def _sight(row: Row[Any], question: Question, *, now: dt.datetime) -> Sighting:
    """See a work order as the model does."""
    item, channels = question.item, row.channels or []
    return Sighting(
        distance_m=row.distance,
        hours=max(0.0, (now - row.opened_at).total_seconds() / _HOUR),
        item=row.item_code,
        same_item=item is not None and row.item_code == item.code,
        same_class=item is not None and (row.major_zh, row.major_en) == (item.major_zh, item.major_en),
        same_unit=item is not None and row.responsible_role == item.responsible_role,
        fixed=row.state is State.FIXED,
        spot=features.spot_of(row.position.lon, row.position.lat),
        # History of offices has one point for an address: there, this is what the model learned as the same street.
        same_street=row.distance < features.STREET_M,
        same_channel=bool(channels) and channels[0] == question.channel,
        staff=bool(channels) and channels[0] == Channel.PATROL,
        same_asset=question.asset is not None and row.asset_id == question.asset,
        own=bool(row.own),
        words=words_alike(question.description, row.words or ()),
        photo=photos_alike(question.hashes, row.hashes or ()),
    )


def keep_answers(
    session: Session,
    report_id: UUID,
    question: Question,
    shown: Sequence[Candidate],
    *,
    same_as: UUID | None,
    city: City,
    now: dt.datetime,
) -> None:
    """Keep of each suggestion what the resident answered: the one that they chose is the same, the others are not."""
    model, asking = city.duplicates, question.asking
    rows = features.rows(asking, [one.sighting for one in shown], model.priors)
    session.add_all(
        Suggestion(
            report_id=report_id,
            work_order_id=one.id,
            answer=Answer.SAME if one.id == same_as else Answer.NOT_SAME,
            score=one.score,
            version=model.version,
            item_code=asking.item,
            other_code=one.sighting.item,
            features=dict(zip(features.NAMES, row, strict=True)),
            at=now,
        )
        for one, row in zip(shown, rows, strict=True)
    )
