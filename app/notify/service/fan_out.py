"""From a line of history to one delivery for everybody who is to hear of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Uuid, cast, exists, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session, joinedload
from uuid_utils.compat import uuid7

from app.notify.lanes import enqueue_delivery
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryKind, DeliveryState, Subscription
from app.notify.queries import OWN
from app.notify.senders import senders
from app.notify.webhook_models import Webhook
from app.restores import may_be_told
from app.workorders.models import EventKind, TimelineEvent, TimelinePayload

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
    EventKind.SPLIT,
    EventKind.FIXED,
    EventKind.OBJECTED,
    EventKind.REWORK,
    EventKind.REOPENED,
    EventKind.CLOSED,
)
# These name the reporters whom they moved: whose subscriptions may belong to another work order by the commit.
_MOVING = (EventKind.MERGED, EventKind.SPLIT)


def fan_out(session: Session, event_id: UUID, *, now: dt.datetime) -> int:
    """Queue one delivery of an event for each contact that is to hear of it; give how many are new.

    Receipt and joining concern one reporter and go to that one alone, merge and split those who are moved. Everything
    else goes to all who had subscribed before that line was written: numbers are compared, which the row's lock orders,
    and never clocks. Whoever reported it twice, or follows what they reported, hears once, by the first of their
    reports. What is for a contact that is not confirmed waits for that. Running it again adds nothing.
    After a restore of the database what they may have heard already is held.
    """
    event = session.get(TimelineEvent, event_id, options=[joinedload(TimelineEvent.payload)], populate_existing=True)
    if event is None or not _is_told(event):
        return 0
    listeners = _listeners(session, event)
    if not listeners:
        return 0
    channels = {listener.contact_id: listener.channel for listener in listeners}
    confirmed = {listener.contact_id for listener in listeners if listener.confirmed_at is not None}
    held = may_be_told(session, at=event.at, by=event.by)
    rows = [_delivery(each, event, held=held, now=now) for each in listeners]
    statement = insert(Delivery).on_conflict_do_nothing().returning(Delivery.id, Delivery.contact_id)
    new = session.execute(statement, rows).all()
    for delivery in new:
        if delivery.contact_id in confirmed and not held:
            enqueue_delivery(session, delivery.id, channels[delivery.contact_id])
    return len(new)


def events_with_listeners(session: Session, event_ids: Collection[UUID]) -> set[UUID]:
    """Give those of the lines that this transaction wrote which somebody may hear of: a subscriber or a webhook.

    Who subscribes later hears from the next line on, for both lock the work order. Where it is in doubt, as for
    reporters who were moved, the line counts as one with listeners.
    """
    of_report = Subscription.subscriber == cast(TimelinePayload.content["report"].astext, Uuid)
    of_work_order = Subscription.work_order_id == TimelineEvent.work_order_id
    subscribed = exists().where(of_work_order | of_report, Subscription.ended_at.is_(None))
    asked = (
        select(
            TimelineEvent.id,
            TimelineEvent.kind,
            (subscribed | TimelineEvent.kind.in_(_MOVING)).label("subscribed"),
            exists().where(Webhook.id.is_not(None)).label("called"),
            TimelinePayload.content,
        )
        .outerjoin(TimelinePayload, TimelinePayload.event_id == TimelineEvent.id)
        .where(TimelineEvent.id.in_(event_ids), TimelineEvent.public)
    )
    return {
        row.id
        for row in session.execute(asked)
        if row.called or (row.subscribed and _is_news(row.kind, row.content or {}))
    }


def _is_told(event: TimelineEvent) -> bool:
    return event.public and _is_news(event.kind, _content(event))


def _is_news(kind: EventKind, content: Mapping[str, Any]) -> bool:
    """Tell whether a public line is news; a dispatch at filing is not: the receipt, written with it, names the unit."""
    if kind is EventKind.DISPATCHED and not content.get("by_hand"):
        return False
    return kind in TOLD


def _content(event: TimelineEvent) -> dict[str, Any]:
    return event.payload.content if event.payload else {}


def _listeners(session: Session, event: TimelineEvent) -> Sequence[Row[UUID, UUID, dt.datetime | None, ChannelKind]]:
    """Give subscription, contact, its confirmation and channel, one row a contact.

    The contacts stay as they are until the end: a confirmation comes before this, and is seen, or after it, and finds
    the deliveries.
    """
    if event.kind in OWN:
        content = _content(event)
        reports = [UUID(report) for report in (content.get("report"), *content.get("reports", ())) if report]
        # By the report and not by its work order: a merge may have moved it since.
        heard: ColumnElement[bool] = Subscription.subscriber.in_(reports)
        heard |= Subscription.id.in_([UUID(each) for each in content.get("followers", ())])
    else:
        heard = (Subscription.work_order_id == event.work_order_id) & (Subscription.after_event < event.number)
    wanted = (
        heard,
        Subscription.ended_at.is_(None),
        Contact.channel.in_(senders()),
        Contact.ended_at.is_(None),
        Contact.erased_at.is_(None),
    )
    joined = select(Contact.id).join(Subscription, Subscription.contact_id == Contact.id).where(*wanted)
    # In one order for everybody, so that two of these wait for each other instead of dying.
    ids = session.scalars(
        select(Contact.id).where(Contact.id.in_(joined)).order_by(Contact.id).with_for_update(read=True)
    ).all()
    statement = (
        select(Subscription.id, Subscription.contact_id, Contact.confirmed_at, Contact.channel)
        .join(Contact, Contact.id == Subscription.contact_id)
        .where(*wanted, Contact.id.in_(ids))
        .ext(distinct_on(Subscription.contact_id))
        .order_by(Subscription.contact_id, Subscription.subscriber.is_(None), Subscription.id)
    )
    return session.execute(statement).all()


def _delivery(
    listener: Row[UUID, UUID, dt.datetime | None, ChannelKind], event: TimelineEvent, *, held: bool, now: dt.datetime
) -> dict[str, Any]:
    confirmed = listener.confirmed_at is not None
    return {
        "id": uuid7(),
        "kind": DeliveryKind.STEP,
        "contact_id": listener.contact_id,
        "subscription_id": listener.id,
        "event_id": event.id,
        "state": DeliveryState.HELD if confirmed and held else DeliveryState.QUEUED,
        "tries": 0,
        "copies": 0,
        "created_at": now,
        "next_at": now if confirmed and not held else None,
        "last_answer": "",
    }
