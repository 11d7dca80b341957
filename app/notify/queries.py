"""Reads of telling people: what a message may say, and which deliveries lie still."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from app.catalogue.city import City, Language, current_city
from app.notify.keys import tracking_url
from app.notify.models import Attempt, Delivery, DeliveryState, Subscription
from app.notify.texts import Facts, language_of, name_of, place_of, said_in
from app.workorders.lifecycle import State
from app.workorders.models import EventKind, TimelineEvent, TimelinePayload, WorkOrder

# Lines that concern the reporters whom they name, and nobody else.
OWN = (EventKind.RECEIVED, EventKind.JOINED, EventKind.MERGED)
# Where the promise of the work order still stands and runs: not while it is held, not once it is fixed.
_PROMISING = (State.DISPATCHED, State.DISPUTED, State.IN_PROGRESS)


def read_facts(session: Session, event: TimelineEvent, subscription: Subscription) -> Facts:
    """Gather what the message of an event to one subscriber may say.

    Number and place are those of the subscriber's own report, the unit is the one that history named last; taken on
    after all, a work order has none. The clock is the event's own word, else the work order's while it runs.
    """
    city = current_city(session)
    language = language_of(subscription.language, city.languages)
    work_order = session.get_one(WorkOrder, event.work_order_id, options=[joinedload(WorkOrder.item)])
    said = _content(session, TimelinePayload.event_id == event.id)
    own = subscription.about
    speaking = or_(TimelinePayload.content.has_key("unit"), TimelineEvent.kind == EventKind.RECONSIDERED)
    unit = said.get("unit") or _content(session, *_so_far(event), speaking).get("unit")
    declined = said.get("declined") or {}
    return Facts(
        kind=event.kind,
        language=language,
        city=city.name(Language(language)),
        number=own.get("number") or "",
        item=name_of({"name_zh": work_order.item.name_zh, "name_en": work_order.item.name_en}, language),
        place=place_of(own.get("place") or {}, language),
        unit=name_of(unit or {}, language),
        due=_due(said.get("due_at"), event, work_order, city),
        until=_local(said.get("until"), city),
        note=said.get("note") or "",
        reason=said_in(declined, "name", language),
        change=said_in(declined, "change", language),
        photos=bool(said.get("photos")),
        outcome=work_order.outcome,
        silent_days=_silent_days(work_order, city),
        link=tracking_url(subscription.subscriber),
    )


def _so_far(event: TimelineEvent) -> tuple[Any, ...]:
    return (
        TimelineEvent.work_order_id == event.work_order_id,
        TimelineEvent.number <= event.number,
        TimelineEvent.public,
    )


def _content(session: Session, *criteria: Any) -> dict[str, Any]:
    """Give the payload of the last line that meets the criteria; an erased or missing one is empty."""
    last = (
        select(TimelinePayload.content)
        .join(TimelineEvent, TimelineEvent.id == TimelinePayload.event_id)
        .where(*criteria)
        .order_by(TimelineEvent.number.desc())
        .limit(1)
    )
    return session.scalars(last).one_or_none() or {}


def _due(said: str | None, event: TimelineEvent, work_order: WorkOrder, city: City) -> dt.datetime | None:
    """Give by when it is to be fixed; a time that had passed already is named by the line that says so alone."""
    promised = work_order.due_at if work_order.state in _PROMISING else None
    due = dt.datetime.fromisoformat(said) if said else promised
    if due is None or (due <= event.at and event.kind is not EventKind.OVERDUE):
        return None
    return due.astimezone(city.timezone)


def _local(said: str | None, city: City) -> dt.datetime | None:
    return dt.datetime.fromisoformat(said).astimezone(city.timezone) if said else None


def _silent_days(work_order: WorkOrder, city: City) -> int | None:
    """Give after how many days silence closes it; nothing where a person looks at the repair first."""
    waits = work_order.state is State.FIXED and work_order.close_at is None
    return None if waits else city.limits.silent_days_to_close


def overdue_deliveries(session: Session, *, before: dt.datetime, limit: int) -> list[Delivery]:
    """Lock deliveries that are open and should have moved before a moment, oldest first; others' locks are skipped."""
    statement = (
        select(Delivery)
        .where(Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.SENDING)), Delivery.next_at < before)
        .order_by(Delivery.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def attempts_of(session: Session, delivery_id: UUID) -> list[Attempt]:
    """Give the tries of a delivery in their order."""
    return list(session.scalars(select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number)))
