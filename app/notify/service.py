"""Verbs of telling people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload
from uuid_utils.compat import uuid7

from app.jobs import enqueue
from app.notify.contacts import parse_contact
from app.notify.keys import seal, tracking_hash, tracking_secret, tracking_url
from app.notify.models import ChannelKind, Delivery, DeliveryState, Subscription
from app.notify.queries import OWN
from app.notify.senders import senders
from app.workorders.models import EventKind, TimelineEvent, WorkOrder

# What a resident hears of, where the line is public. Of the public kinds only a correction of item or place is not
# told by itself: where it changes anything for the resident, it comes as a transfer.
TOLD = (
    EventKind.RECEIVED,
    EventKind.JOINED,
    EventKind.DISPATCHED,
    EventKind.SIGNED,
    EventKind.NOTE,
    EventKind.SECURED,
    EventKind.RULED,
    EventKind.TRANSFERRED,
    EventKind.HELD,
    EventKind.RESUMED,
    EventKind.OVERDUE,
    EventKind.DECLINED,
    EventKind.RECONSIDERED,
    EventKind.MERGED,
    EventKind.FIXED,
    EventKind.OBJECTED,
    EventKind.REWORK,
    EventKind.REOPENED,
    EventKind.CLOSED,
)


def subscribe(
    session: Session,
    work_order: WorkOrder,
    *,
    subscriber: UUID,
    about: dict[str, Any],
    contact: str,
    language: str,
    now: dt.datetime,
) -> Subscription:
    """Let a reporter hear of a work order whose row is locked, from the next line of its history on.

    A second call for the same report and channel replaces the address. ``subscriber`` is the report's id,
    ``about`` its ``number`` and ``place``, ``language`` a BCP 47 tag. Raises UnusableContact.
    """
    channel, address = parse_contact(contact)
    values: dict[str, Any] = {
        "work_order_id": work_order.id,
        "after_event": work_order.events,
        "about": about,
        "address": seal(address),
        "language": language,
        "ended_at": None,
        "erased_at": None,
    }
    statement = (
        insert(Subscription)
        .values(id=uuid7(), subscriber=subscriber, channel=channel, created_at=now, **values)
        .on_conflict_do_update(index_elements=["subscriber", "channel"], set_=values)
        .returning(Subscription)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def move_subscriptions(session: Session, *, from_work_order_id: UUID, to: WorkOrder) -> None:
    """Let all who hear of a work order hear of another one instead, from its next line on: the two were merged."""
    session.execute(
        update(Subscription)
        .where(Subscription.work_order_id == from_work_order_id)
        .values(work_order_id=to.id, after_event=to.events)
    )


def fan_out(session: Session, event_id: UUID, *, now: dt.datetime) -> int:
    """Queue one delivery of an event for each subscription that is to hear of it; give how many are new.

    Receipt and joining concern one reporter and go to that one alone, a merge those who were moved by it. Everything
    else goes to all who had subscribed before that line was written: numbers are compared, which the row's lock orders,
    and never clocks. Running it again adds nothing.
    """
    event = session.get(TimelineEvent, event_id, options=[joinedload(TimelineEvent.payload)], populate_existing=True)
    if event is None or not _is_told(event):
        return 0
    rows = [_delivery(subscription_id, event, now) for subscription_id in _listeners(session, event)]
    if not rows:
        return 0
    statement = insert(Delivery).on_conflict_do_nothing().returning(Delivery.id)
    new = session.scalars(statement, rows).all()
    for delivery_id in new:
        enqueue(session, "notify.deliver", delivery_id=str(delivery_id))
    return len(new)


def _is_told(event: TimelineEvent) -> bool:
    """Tell whether a line is news. A dispatch at filing is none: the receipt, written with it, names the unit."""
    if event.kind is EventKind.DISPATCHED and not _content(event).get("by_hand"):
        return False
    return event.public and event.kind in TOLD


def _content(event: TimelineEvent) -> dict[str, Any]:
    return event.payload.content if event.payload else {}


def _listeners(session: Session, event: TimelineEvent) -> Iterable[UUID]:
    found = select(Subscription.id).where(
        Subscription.channel.in_(senders()), Subscription.ended_at.is_(None), Subscription.erased_at.is_(None)
    )
    if event.kind in OWN:
        # Wherever the reporter was moved meanwhile: a merge may come before this job.
        content = _content(event)
        reports = [UUID(report) for report in (content.get("report"), *content.get("reports", ())) if report]
        return session.scalars(found.where(Subscription.subscriber.in_(reports))) if reports else ()
    of_all = found.where(Subscription.work_order_id == event.work_order_id, Subscription.after_event < event.number)
    return session.scalars(of_all)


def _delivery(subscription_id: UUID, event: TimelineEvent, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "subscription_id": subscription_id,
        "event_id": event.id,
        "state": DeliveryState.QUEUED,
        "tries": 0,
        "created_at": now,
        "next_at": now,
        "last_answer": "",
    }


def forget(session: Session, *, now: dt.datetime, days: int) -> int:
    """Erase the addresses of work orders that closed more than ``days`` days ago; give how many were erased."""
    closed = select(WorkOrder.id).where(WorkOrder.closed_at < now - dt.timedelta(days=days))
    statement = (
        update(Subscription)
        .where(Subscription.work_order_id.in_(closed), Subscription.erased_at.is_(None))
        .values(address=b"", erased_at=now)
        .returning(Subscription.id)
    )
    return len(session.scalars(statement).all())


__all__ = [
    "ChannelKind",
    "fan_out",
    "forget",
    "move_subscriptions",
    "parse_contact",
    "subscribe",
    "tracking_hash",
    "tracking_secret",
    "tracking_url",
]
