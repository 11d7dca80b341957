"""Hold what may have gone out before the database was restored, until an operator decides.

Whatever was open at the moment of the restore may have been sent between that moment and the end of the old database,
and so may what clocks, letters and fan-outs make again of the same time. Steps that people take since are told as ever.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Update, func, literal, select, text, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.jobs import enqueue
from app.notify.lanes import enqueue_delivery
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryState
from app.notify.webhook_models import WebhookDelivery
from app.restores import Restore, in_force
from app.workorders.models import TimelineEvent, WorkOrder

WEBHOOK = "webhook"
CHANNELS = (*(channel.value for channel in ChannelKind), WEBHOOK)
RELEASED_AT_ONCE = 500
_OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING)
_DISCARDED = "held after a restore of the database, and discarded"


class HoldFault(Exception):
    """What is asked for does not fit: a restore is in force already, or none is; the text says so."""


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A message that is held, without the address that it goes to."""

    id: UUID
    channel: str
    kind: str
    event: str
    event_at: dt.datetime | None
    work_order: str
    tries: int
    created_at: dt.datetime

    def cells(self) -> tuple[Any, ...]:
        """Give the values in the order of the fields."""
        return astuple(self)


def begin_restore(session: Session, *, at: dt.datetime, margin: dt.timedelta, now: dt.datetime) -> Restore:
    """Put a restore in force and hold what was open at its moment. Raises HoldFault while another is in force."""
    if in_force(session, for_update=True) is not None:
        raise HoldFault("Messages of an earlier restore are held still: release or discard them first.")
    restore = Restore(id=uuid7(), at=at, earliest=at - margin, latest=at + margin, began_at=now, ended_at=None)
    session.add(restore)
    held = {"state": DeliveryState.HELD, "next_at": None}
    made_at = func.coalesce(
        select(TimelineEvent.at).where(TimelineEvent.id == Delivery.event_id).scalar_subquery(), Delivery.created_at
    )
    called_for = select(TimelineEvent.at).where(TimelineEvent.id == WebhookDelivery.event_id).scalar_subquery()
    # A queued one without a time waits for its contact to be confirmed: nothing of it was sent.
    open_ones = update(Delivery).where(Delivery.state.in_(_OPEN), Delivery.next_at.is_not(None))
    session.execute(open_ones.where(made_at <= restore.latest).values(held))
    calls = update(WebhookDelivery).where(WebhookDelivery.state.in_(_OPEN), called_for <= restore.latest)
    session.execute(calls.values(held))
    session.flush()
    return restore


def events_to_fan_out(session: Session) -> Sequence[UUID]:
    """Give the events whose fan-out had not succeeded at the moment: it may have, after it."""
    jobs = text(
        "SELECT DISTINCT (args->>'event_id')::uuid FROM procrastinate_jobs"
        " WHERE task_name = 'notify.fan_out' AND status IN ('todo', 'doing', 'failed')"
    )
    return session.scalars(jobs).all()


def newest_event_at(session: Session) -> dt.datetime | None:
    """Give the time of the newest line of history, by the ids, which grow with the time."""
    return session.scalar(select(TimelineEvent.at).order_by(TimelineEvent.id.desc()).limit(1))


def count_held(session: Session) -> dict[str, int]:
    """Give the number of held messages by channel."""
    by_contact = select(Contact.channel, func.count()).join(Delivery, Delivery.contact_id == Contact.id)
    counted = session.execute(by_contact.where(Delivery.state == DeliveryState.HELD).group_by(Contact.channel))
    found = {row[0].value: int(row[1]) for row in counted}
    calls = select(func.count()).where(WebhookDelivery.state == DeliveryState.HELD)
    return found | ({WEBHOOK: number} if (number := session.scalar(calls) or 0) else {})


def list_held(session: Session) -> Iterator[HeldLine]:
    """List the held messages, oldest first, people before webhooks."""
    for statement in (_held_deliveries(), _held_calls()):
        for row in session.execute(statement):
            yield HeldLine(*(getattr(value, "value", value) for value in row))


def _held_deliveries() -> Select[Any]:
    return (
        _with_event(
            select(Delivery.id, Contact.channel, Delivery.kind, *_OF_EVENT, Delivery.tries, Delivery.created_at)
            .join(Contact, Contact.id == Delivery.contact_id)
            .outerjoin(TimelineEvent, TimelineEvent.id == Delivery.event_id),
        )
        .where(Delivery.state == DeliveryState.HELD)
        .order_by(Delivery.created_at, Delivery.id)
    )


def _held_calls() -> Select[Any]:
    columns = (WebhookDelivery.id, literal(WEBHOOK), literal("step"), *_OF_EVENT)
    return (
        _with_event(
            select(*columns, WebhookDelivery.tries, WebhookDelivery.created_at).join(
                TimelineEvent, TimelineEvent.id == WebhookDelivery.event_id
            ),
        )
        .where(WebhookDelivery.state == DeliveryState.HELD)
        .order_by(WebhookDelivery.created_at, WebhookDelivery.id)
    )


_OF_EVENT: tuple[ColumnElement[Any] | Any, ...] = (
    TimelineEvent.kind,
    TimelineEvent.at,
    func.coalesce(WorkOrder.public_id, ""),
)


def _with_event(statement: Select[Any]) -> Select[Any]:
    return statement.outerjoin(WorkOrder, WorkOrder.id == TimelineEvent.work_order_id)


def release_held(session: Session, channels: Collection[str], *, now: dt.datetime) -> int:
    """Send held messages of some channels, 500 at most, oldest first; give how many. Raises HoldFault.

    They keep their ids: a receiver that had one can tell.
    """
    _require_restore(session)
    values = {"state": DeliveryState.QUEUED, "next_at": now}
    channel = select(Contact.channel).where(Contact.id == Delivery.contact_id).scalar_subquery()
    of_people = _change_deliveries(channels, RELEASED_AT_ONCE, values).returning(Delivery.id, channel)
    messages = session.execute(of_people).all()
    for delivery_id, kind in messages:
        enqueue_delivery(session, delivery_id, kind)
    calls = session.scalars(_change_calls(channels, RELEASED_AT_ONCE, values)).all()
    for call_id in calls:
        enqueue(session, "notify.call", delivery_id=str(call_id))
    return len(messages) + len(calls)


def discard_held(session: Session, channels: Collection[str]) -> int:
    """Give up the held messages of some channels; give how many. Raises HoldFault."""
    _require_restore(session)
    values = {"state": DeliveryState.GIVEN_UP, "last_answer": _DISCARDED}
    of_people = _change_deliveries(channels, None, values).returning(Delivery.id)
    changes = (of_people, _change_calls(channels, None, values))
    return sum(len(session.scalars(change).all()) for change in changes)


def end_restore(session: Session, *, now: dt.datetime) -> bool:
    """End the restore where nothing is held any more; say whether it ended. Raises HoldFault."""
    restore = _require_restore(session)
    if count_held(session):
        return False
    restore.ended_at = now
    session.flush()
    return True


def _require_restore(session: Session) -> Restore:
    restore = in_force(session, for_update=True)
    if restore is None:
        raise HoldFault("No restore is in force: nothing is held.")
    return restore


def _change_deliveries(channels: Collection[str], limit: int | None, values: dict[str, Any]) -> Update:
    chosen = (
        select(Delivery.id)
        .join(Contact, Contact.id == Delivery.contact_id)
        .where(
            Delivery.state == DeliveryState.HELD, Contact.channel.in_([each for each in channels if each != WEBHOOK])
        )
        .order_by(Delivery.created_at, Delivery.id)
        .limit(limit)
    )
    return update(Delivery).where(Delivery.id.in_(chosen.scalar_subquery())).values(values)


def _change_calls(channels: Collection[str], limit: int | None, values: dict[str, Any]) -> Update:
    chosen = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.state == DeliveryState.HELD, literal(WEBHOOK in channels))
        .order_by(WebhookDelivery.created_at, WebhookDelivery.id)
        .limit(limit)
    )
    changed = update(WebhookDelivery).where(WebhookDelivery.id.in_(chosen.scalar_subquery()))
    return changed.values(values).returning(WebhookDelivery.id)
