"""Calls of webhooks: an event queued for each that wants it, taken, sent, recorded.

As with deliveries, ``take`` and ``record`` are short transactions of the caller and ``hand_over`` is none. A receiver
that fails is left alone for a growing while, whatever else waits for it: it must not keep the workers from others.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.fernet import InvalidToken
from sqlalchemy import and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload
from uuid_utils.compat import uuid7

from app.accounts.models import Staff
from app.accounts.service import ANY_UNIT, Person
from app.catalogue.city import DISPATCH_CENTRE, City, current_city
from app.catalogue.models import Unit
from app.jobs import enqueue
from app.notify import webhooks
from app.notify.channels import LONGEST_ANSWER, Answer
from app.notify.deliveries import MOST_TRIES, RECOVERED_AT_ONCE, TAKEN_FOR, Outcome, Result, later_s
from app.notify.keys import current
from app.notify.lanes import is_due, is_left
from app.notify.models import DeliveryState
from app.notify.outbound import NotAllowed, NotReached, Outbound
from app.notify.senders import way_out
from app.notify.signing import sign
from app.notify.webhook_models import Webhook, WebhookDelivery
from app.restores import may_be_told
from app.workorders.models import TimelineEvent, WorkOrder

log = logging.getLogger(__name__)

AT_ONCE = 2  # of the workers' jobs at a time, for one receiver
KEPT = dt.timedelta(days=30)
_SPREAD_S = 60
_BUSY_S = 5
_OK = range(200, 300)
_GONE = 410
# What the public may hear of a line. Free words are left out: nobody can vouch that they name nobody.
_TOLD = ("unit", "due_at", "until", "declined")

_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Call:
    """All that a try needs, read while the delivery was locked. The secrets are still encrypted."""

    delivery_id: UUID
    number: int
    webhook: Webhook
    body: bytes


def queue_event(session: Session, event_id: UUID, *, now: dt.datetime) -> int:
    """Queue one call of a public event for each webhook that wants it; give how many are new.

    A webhook that is disabled has it written down only, so that it can be replayed. Running it again adds nothing.
    """
    event = session.get(TimelineEvent, event_id)
    if event is None or not event.public:
        return 0
    wanting = _wanting(session, event)
    if not wanting:
        return 0
    held = may_be_told(session, at=event.at, by=event.by)
    rows = [_delivery(webhook, event_id, held=held, now=now) for webhook in wanting]
    statement = insert(WebhookDelivery).on_conflict_do_nothing()
    new = session.execute(statement.returning(WebhookDelivery.id, WebhookDelivery.state), rows).all()
    queued = [row.id for row in new if row.state is DeliveryState.QUEUED]
    for delivery_id in queued:
        enqueue(session, "notify.call", delivery_id=str(delivery_id))
    return len(queued)


def take(session: Session, delivery_id: UUID, *, now: dt.datetime) -> Call | None:
    """Take a queued call for a try; nothing when it is not queued, not wanted any more, or put off."""
    statement = (
        select(WebhookDelivery, Webhook)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.state == DeliveryState.QUEUED)
        .options(joinedload(WebhookDelivery.event).joinedload(TimelineEvent.payload))
        .with_for_update(of=WebhookDelivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    delivery, webhook = found
    if not is_due(delivery.next_at, now=now):
        return None
    if webhook.disabled_at:
        _close(delivery, DeliveryState.GIVEN_UP, "the webhook is disabled")
        return None
    until = _put_off(session, webhook, now)
    if until:
        _queue_again(session, delivery, until)
        return None
    delivery.tries += 1
    delivery.state, delivery.next_at = DeliveryState.SENDING, now
    return Call(delivery.id, delivery.tries, webhook, body_of(session, delivery.event))


def hand_over(call: Call, *, now: dt.datetime, way: Outbound | None = None) -> Outcome:
    """Sign the body and send it. Every answer but 2xx is a failure; 410 ends the webhook."""
    return send(call.webhook, str(call.delivery_id), call.body, now=now, way=way)


def ping(webhook: Webhook, *, now: dt.datetime, way: Outbound | None = None) -> Outcome:
    """Send a signed request that is about nothing; it does not count as success or failure."""
    body = _write({"type": "ping", "timestamp": now.isoformat(), "data": {}})
    return send(webhook, str(uuid7()), body, now=now, way=way)


def send(webhook: Webhook, message_id: str, body: bytes, *, now: dt.datetime, way: Outbound | None) -> Outcome:
    """Send a signed body and say how that ended."""
    try:
        headers = sign(body, message_id=message_id, secrets=webhooks.secrets_of(webhook, now=now), at=now)
    except InvalidToken:
        return Outcome(Result.LATER, "the secret cannot be read with this SECRET_KEY")
    headers |= {"Content-Type": "application/json", "User-Agent": "suishoupai-webhooks"}
    try:
        reply = (way or way_out(current().settings)).post(webhook.url, body, headers)
    except (NotAllowed, NotReached) as fault:
        return Outcome(Result.LATER, str(fault)[:LONGEST_ANSWER])
    said = Answer(reply.line).without("")
    if reply.status in _OK:
        return Outcome(Result.SENT, said)
    return Outcome(Result.ENDED if reply.status == _GONE else Result.LATER, said, reply.retry_after_s)


def record(session: Session, call: Call, outcome: Outcome, *, now: dt.datetime) -> None:
    """Record how a try ended, for the call and for its webhook."""
    webhook = session.get(Webhook, call.webhook.id, with_for_update=True, populate_existing=True)
    if webhook is None:  # deleted meanwhile
        return
    delivery = session.get_one(WebhookDelivery, call.delivery_id, with_for_update=True, populate_existing=True)
    webhook.last_answer = outcome.answer
    if outcome.result is Result.SENT:
        webhook.failing_since, webhook.retry_at, webhook.failures = None, None, 0
        webhook.last_success_at = now
        _close(delivery, DeliveryState.SENT, outcome.answer)
        delivery.sent_at = now
        return
    _note_failure(webhook, outcome, now=now)
    if delivery.state is DeliveryState.SENDING and delivery.tries == call.number:
        _fail(session, delivery, outcome, now=now)


def recover(session: Session, *, now: dt.datetime) -> int:
    """Queue again what should have moved five minutes ago and has no job, or a dead worker's. Give how many."""
    statement = (
        select(WebhookDelivery)
        .where(is_left(WebhookDelivery, "notify.call"), WebhookDelivery.next_at < now - TAKEN_FOR)
        .order_by(WebhookDelivery.next_at)
        .limit(RECOVERED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    overdue = session.scalars(statement).all()
    for delivery in overdue:
        _queue_again(session, delivery, now)
    return len(overdue)


def forget(session: Session, *, now: dt.datetime) -> int:
    """Remove the record of calls that ended and are older than 30 days; give how many."""
    open_ones = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD)
    statement = (
        delete(WebhookDelivery)
        .where(WebhookDelivery.created_at < now - KEPT, WebhookDelivery.state.not_in(open_ones))
        .returning(WebhookDelivery.id)
    )
    return len(session.scalars(statement).all())


def body_of(session: Session, event: TimelineEvent) -> bytes:
    """Write a public line of history as JSON, the same at every try; one whose words were erased has none."""
    work_order = session.get_one(WorkOrder, event.work_order_id)
    content: dict[str, Any] = event.payload.content if event.payload else {}
    data = {
        "event": str(event.id),
        "work_order": work_order.public_id,
        "number": event.number,
        "kind": event.kind.value,
        "at": event.at.isoformat(),
        "item": work_order.item_code,
        "district": work_order.district,
        "street": work_order.street,
        **{name: content.get(name) for name in _TOLD},
    }
    return _write({"type": f"work_order.{event.kind.value}", "timestamp": event.at.isoformat(), "data": data})


def _write(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _wanting(session: Session, event: TimelineEvent) -> list[Webhook]:
    """Find the webhooks that want an event and whose creator may see it."""
    statement = (
        select(Webhook, Staff, Unit.role)
        .join(Staff, Staff.id == Webhook.created_by)
        .outerjoin(Unit, and_(Unit.code == Staff.unit, Unit.until.is_(None)))
        .where(Staff.disabled_at.is_(None))
    )
    rows = session.execute(statement).all()
    if not rows:
        return []
    work_order, city = session.get_one(WorkOrder, event.work_order_id), current_city(session)
    return [
        webhook
        for webhook, staff, role in rows
        if _wants(webhook, event, work_order, city) and _sees(staff, role, work_order, city)
    ]


def _wants(webhook: Webhook, event: TimelineEvent, work_order: WorkOrder, city: City) -> bool:
    lists = (
        (webhook.kinds, {event.kind.value}),
        (webhook.items, {work_order.item_code}),
        (webhook.areas, {*work_order.areas, city.code}),
    )
    return all(not wanted or there & set(wanted) for wanted, there in lists)


def _sees(staff: Staff, unit_role: str | None, work_order: WorkOrder, city: City) -> bool:
    all_units = staff.unit == ANY_UNIT or unit_role == DISPATCH_CENTRE
    person = Person(staff.id, staff.name, staff.role, staff.unit, staff.area, all_units)
    return person.covers(units=(work_order.lead_unit, *work_order.co_units), areas=(*work_order.areas, city.code))


def _delivery(webhook: Webhook, event_id: UUID, *, held: bool, now: dt.datetime) -> dict[str, Any]:
    off = webhook.disabled_at is not None
    state = DeliveryState.HELD if held else DeliveryState.QUEUED
    return {
        "id": uuid7(),
        "webhook_id": webhook.id,
        "event_id": event_id,
        "state": DeliveryState.GIVEN_UP if off else state,
        "tries": 0,
        "created_at": now,
        "next_at": None if off or held else now,
        "last_answer": "the webhook is disabled" if off else "",
    }


def _put_off(session: Session, webhook: Webhook, now: dt.datetime) -> dt.datetime | None:
    """Give until when a call has to wait: its receiver fails, or has two requests to answer already."""
    if webhook.retry_at and now < webhook.retry_at:
        return webhook.retry_at + dt.timedelta(seconds=_chance.uniform(0, _SPREAD_S))
    sending = select(func.count()).where(
        WebhookDelivery.webhook_id == webhook.id,
        WebhookDelivery.state == DeliveryState.SENDING,
        WebhookDelivery.next_at > now - TAKEN_FOR,
    )
    if (session.scalar(sending) or 0) >= AT_ONCE:
        return now + dt.timedelta(seconds=_chance.uniform(1, _BUSY_S))
    return None


def _note_failure(webhook: Webhook, outcome: Outcome, *, now: dt.datetime) -> None:
    days = current().settings.webhook_failing_days
    webhook.failing_since = webhook.failing_since or now
    webhook.failures += 1
    webhook.retry_at = now + dt.timedelta(seconds=later_s(webhook.failures, outcome.after_s))
    reason = ""
    if outcome.result is Result.ENDED:
        reason = "it answered 410 Gone"
    elif now - webhook.failing_since >= dt.timedelta(days=days):
        reason = f"nothing was taken for {days} days"
    if reason and webhook.disabled_at is None:
        webhooks.disable(webhook, reason, now=now)
        log.warning("webhook disabled", extra={"webhook": str(webhook.id), "reason": reason})


def _fail(session: Session, delivery: WebhookDelivery, outcome: Outcome, *, now: dt.datetime) -> None:
    if outcome.result is Result.ENDED:
        _close(delivery, DeliveryState.FAILED, outcome.answer)
    elif delivery.tries >= MOST_TRIES:
        _close(delivery, DeliveryState.GIVEN_UP, outcome.answer)
    else:
        delivery.last_answer = outcome.answer
        wait = dt.timedelta(seconds=later_s(delivery.tries, outcome.after_s))
        _queue_again(session, delivery, now + wait)


def _queue_again(session: Session, delivery: WebhookDelivery, at: dt.datetime) -> None:
    delivery.state, delivery.next_at = DeliveryState.QUEUED, at
    enqueue(session, "notify.call", at=at, delivery_id=str(delivery.id))


def _close(delivery: WebhookDelivery, state: DeliveryState, answer: str) -> None:
    delivery.state, delivery.last_answer, delivery.next_at = state, answer, None
