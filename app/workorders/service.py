"""Verbs of the work order: open, lock, take a move. ``take`` is the one place that changes a state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from app.accounts.service import Person
from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import EvidenceNeeded, Item, Urgency
from app.crockford import normalise, random_name
from app.db import insert_named
from app.geo.service import Place
from app.workorders.errors import NoSuchWorkOrder
from app.workorders.lifecycle import Move, Need
from app.workorders.models import TimelineEvent, WorkOrder
from app.workorders.states import ENDED, INTERNAL, Outcome, State
from app.workorders.timeline import append

PUBLIC_ID_LENGTH = 10


def open_work_order(
    session: Session,
    item: Item,
    place: Place,
    *,
    asset: NearAsset | None,
    flags: list[str],
    now: dt.datetime,
    urgent: bool = False,
) -> WorkOrder:
    """Open the work order of a problem at a place; it awaits dispatch. ``urgent`` puts it into the green channel."""
    work_order = insert_named(
        session,
        WorkOrder,
        "public_id",
        lambda: random_name(PUBLIC_ID_LENGTH),
        item_id=item.id,
        item_code=item.code,
        urgency=Urgency.URGENT if urgent else item.urgency,
        urgent_at=now if urgent else None,
        sensitive=item.sensitive,
        state=State.AWAITING_DISPATCH,
        position=place.point,
        accuracy_m=place.accuracy_m,
        community=place.community.code if place.community else None,
        street=place.street.code,
        district=place.district.code if place.district else None,
        asset_id=asset.asset.id if asset else None,
        opened_at=now,
        updated_at=now,
        co_units=[],
        rounds=0,
        reports=0,
        events=0,
        flags=flags,
    )
    set_committed_value(work_order, "item", item)
    return work_order


def lock_work_order(session: Session, public_id: str, *, by: Person, city: City) -> WorkOrder:
    """Lock the row of a work order and read it again. Raises NoSuchWorkOrder where ``by`` may not know of it."""
    return check_scope(lock_named(session, public_id), by=by, city=city)


def lock_named(session: Session, public_id: str) -> WorkOrder | None:
    """Lock the row of a work order whoever asks, and read it again; its scope is still to be checked."""
    found = lock_all(session, select(WorkOrder).where(WorkOrder.public_id == normalise(public_id)))
    return next(iter(found), None)


def lock_all(session: Session, chosen: Select[WorkOrder]) -> Sequence[WorkOrder]:
    """Lock the chosen rows in the order of their keys, and read them again with their items.

    A row that was waited for is read again by PostgreSQL, but its join is not: where the step that was waited for
    changed the item, the join finds none (documentation of PostgreSQL 15, 13.2.1), and the item is read by itself.
    """
    statement = (
        chosen.options(joinedload(WorkOrder.item))
        .order_by(WorkOrder.id)
        .with_for_update(of=WorkOrder, key_share=True)
        .execution_options(populate_existing=True)
    )
    found = session.scalars(statement).all()
    for work_order in found:
        if inspect(work_order).dict.get("item") is None:
            set_committed_value(work_order, "item", session.get_one(Item, work_order.item_id))
    return found


def check_scope(work_order: WorkOrder | None, *, by: Person, city: City) -> WorkOrder:
    """Give the work order back where it lies in the scope of ``by``; otherwise there is none."""
    if work_order is not None and is_in_scope(work_order, by=by, city=city):
        return work_order
    message = "No work order of this id lies in your unit and area."
    raise NoSuchWorkOrder(message)


def is_in_scope(work_order: WorkOrder, *, by: Person, city: City) -> bool:
    """Tell whether a work order lies in the scope of a person, by unit and area."""
    units = (work_order.lead_unit, *work_order.co_units)
    return by.covers(units=units, areas=(*work_order.areas, city.code))


def evidence_need(item: Item, *, note: str, photos: int) -> set[Need]:
    """Tell whether a note and some photos are the evidence that an item asks for."""
    enough = {EvidenceNeeded.NONE: True, EvidenceNeeded.NOTE: bool(note or photos)}
    return {Need.EVIDENCE} if enough.get(item.evidence, photos > 0) else set()


def take(
    session: Session,
    work_order: WorkOrder,
    move: Move,
    *,
    by: Person,
    city: City,
    now: dt.datetime,
    content: dict[str, Any],
    public: bool | None = None,
) -> TimelineEvent:
    """Take a move that ``lifecycle.find_move`` found for a locked work order: state, times and history in one.

    ``public`` is said for a note only; every other kind of line is public or internal by itself.
    """
    if move.target is not move.source:
        _arrive(work_order, move, city=city, now=now)
        work_order.state = move.target
    public = move.tells not in INTERNAL if public is None else public
    return append(session, work_order, move.tells, at=now, by=by.signature, content=content, public=public)


def _arrive(work_order: WorkOrder, move: Move, *, city: City, now: dt.datetime) -> None:
    """Set the times of a state that is entered, and take back those of the one that is left."""
    if move.target is State.FIXED:
        work_order.fixed_at = now
        # What came back once is not closed by silence: somebody looks at it.
        silent = dt.timedelta(days=city.limits.silent_days_to_close)
        work_order.close_at = None if work_order.rounds else now + silent
    elif move.target in ENDED:
        work_order.closed_at, work_order.close_at, work_order.hold_until = now, None, None
        work_order.outcome = Outcome.FIXED if move.target is State.CLOSED else None
    elif move.source is State.MERGED:
        # It was merged by mistake: that is no repair that came back.
        work_order.closed_at = None
    elif move.source in {State.FIXED, *ENDED}:
        work_order.rounds += move.target is State.IN_PROGRESS
        work_order.fixed_at = work_order.closed_at = work_order.close_at = work_order.outcome = None
    elif move.source is State.ON_HOLD:
        work_order.hold_until = None
