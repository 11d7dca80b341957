"""Verbs of the work order: open, lock, advance, and its clocks. ``advance`` is the one place that changes a state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from app.accounts.service import Person
from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import EvidenceNeeded, Item
from app.crockford import normalise, random_name
from app.db import insert_named
from app.geo.service import Place
from app.workorders import lifecycle
from app.workorders.errors import NoSuchWorkOrder
from app.workorders.lifecycle import Action, Need, Outcome, State
from app.workorders.models import Deadline, DeadlineKind, EventKind, TimelineEvent, WorkOrder
from app.workorders.timeline import append

PUBLIC_ID_LENGTH = 10

_KIND_OF = {
    Action.DISPATCH: EventKind.DISPATCHED,
    Action.SIGN: EventKind.SIGNED,
    Action.NOTE: EventKind.NOTE,
    Action.FIX: EventKind.FIXED,
    Action.CLOSE: EventKind.CLOSED,
}


def open_work_order(
    session: Session, item: Item, place: Place, *, asset: NearAsset | None, flags: list[str], now: dt.datetime
) -> WorkOrder:
    """Open the work order of a problem at a place; it awaits dispatch."""
    work_order = insert_named(
        session,
        WorkOrder,
        "public_id",
        lambda: random_name(PUBLIC_ID_LENGTH),
        item_id=item.id,
        item_code=item.code,
        urgency=item.urgency,
        sensitive=item.sensitive,
        state=State.AWAITING_DISPATCH,
        position=place.point,
        accuracy_m=place.accuracy_m,
        street=place.street.code,
        district=place.district.code if place.district else None,
        asset_id=asset.asset.id if asset else None,
        opened_at=now,
        updated_at=now,
        reports=0,
        events=0,
        flags=flags,
    )
    set_committed_value(work_order, "item", item)
    return work_order


def lock_work_order(session: Session, public_id: str, *, by: Person, city: City) -> WorkOrder:
    """Lock the row of a work order and read it again. Raises NoSuchWorkOrder where ``by`` may not know of it."""
    statement = (
        select(WorkOrder)
        .where(WorkOrder.public_id == normalise(public_id))
        .options(joinedload(WorkOrder.item))
        .with_for_update(of=WorkOrder)
        .execution_options(populate_existing=True)
    )
    return check_scope(session.scalars(statement).one_or_none(), by=by, city=city)


def check_scope(work_order: WorkOrder | None, *, by: Person, city: City) -> WorkOrder:
    """Give the work order back where it lies in the scope of ``by``; otherwise there is none."""
    if work_order is not None:
        areas = (work_order.street, work_order.district, city.code)
        if by.covers(units=[work_order.lead_unit], areas=areas):
            return work_order
    message = "No work order of this id lies in your unit and area."
    raise NoSuchWorkOrder(message)


def brought_needs(item: Item, *, note: str, photos: int) -> set[Need]:
    """Name the needs that a note and some photos meet for an item."""
    brought: set[Need] = set()
    if note:
        brought.add(Need.NOTE)
    enough = {EvidenceNeeded.NONE: True, EvidenceNeeded.NOTE: bool(note or photos)}
    if enough.get(item.evidence, photos > 0):
        brought.add(Need.EVIDENCE)
    return brought


def advance(
    session: Session,
    work_order: WorkOrder,
    action: Action,
    *,
    by: Person,
    now: dt.datetime,
    brought: AbstractSet[Need] = frozenset(),
    content: dict[str, Any],
    public: bool = True,
) -> TimelineEvent:
    """Take a step with a locked work order: state, times and history in one.

    Raises IllegalMove, NotYourMove or MissingNeeds; then nothing has changed.
    """
    move = lifecycle.advance(work_order.state, action, by.role, brought)
    work_order.state = move.target
    if action is Action.FIX:
        work_order.fixed_at = now
    if action is Action.CLOSE:
        work_order.closed_at, work_order.outcome = now, Outcome.FIXED
    return append(session, work_order, _KIND_OF[action], at=now, by=by.signature, content=content, public=public)


def start_deadline(
    session: Session,
    work_order: WorkOrder,
    kind: DeadlineKind,
    *,
    unit: str | None,
    starts: dt.datetime,
    due: dt.datetime,
) -> None:
    """Start a clock of a work order; it is computed once, at the event."""
    session.add(Deadline(work_order_id=work_order.id, kind=kind, unit=unit, starts_at=starts, due_at=due))
    if kind is DeadlineKind.HANDLING:
        work_order.due_at = due


def meet_deadline(session: Session, work_order: WorkOrder, kind: DeadlineKind, *, now: dt.datetime) -> None:
    """Stop a clock."""
    session.execute(
        update(Deadline)
        .where(Deadline.work_order_id == work_order.id, Deadline.kind == kind, Deadline.met_at.is_(None))
        .values(met_at=now)
    )
