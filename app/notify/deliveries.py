"""One delivery: taken, handed over, its answer recorded.

``take`` and ``record`` are short transactions of the caller; ``hand_over`` between them needs none and may be slow.
A delivery whose worker dies in between stays ``sending`` until ``recover`` puts it back.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from cryptography.fernet import InvalidToken
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.jobs import enqueue
from app.notify.channels import Answer, Message, Never, TryLater
from app.notify.keys import unseal
from app.notify.models import Attempt, ChannelKind, Delivery, DeliveryState, Subscription
from app.notify.queries import overdue_deliveries, read_facts
from app.notify.senders import senders
from app.notify.texts import Facts, render

MOST_TRIES = 10
FIRST_WAIT_S = 60
GROWTH = 3
LONGEST_WAIT_S = 6 * 3600
TAKEN_FOR = dt.timedelta(minutes=5)
RECOVERED_AT_ONCE = 500

_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that a try needs, read while the delivery was locked. ``address`` is still encrypted."""

    delivery_id: UUID
    number: int
    channel: ChannelKind
    address: bytes
    facts: Facts
    made_at: dt.datetime


class Result(StrEnum):
    """How a try ended."""

    SENT = "sent"
    LATER = "later"
    NEVER = "never"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended and what the channel said; ``ended`` closes the subscription too."""

    result: Result
    answer: str


def take(session: Session, delivery_id: UUID, *, now: dt.datetime) -> Parcel | None:
    """Take a queued delivery for a try; nothing when it is not queued, not wanted any more, or held by another."""
    statement = (
        select(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.QUEUED)
        .options(joinedload(Delivery.subscription), joinedload(Delivery.event))
        .with_for_update(of=Delivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    delivery = session.scalars(statement).one_or_none()
    if delivery is None:
        return None
    subscription = delivery.subscription
    if subscription.ended_at or subscription.erased_at:
        _close(delivery, DeliveryState.GIVEN_UP, "the subscription has ended")
        return None
    if delivery.tries >= MOST_TRIES:
        _close(delivery, DeliveryState.GIVEN_UP, delivery.last_answer)
        return None
    delivery.tries += 1
    delivery.state, delivery.next_at = DeliveryState.SENDING, now
    session.add(Attempt(delivery_id=delivery.id, number=delivery.tries, at=now))
    facts = read_facts(session, delivery.event, subscription)
    return Parcel(delivery.id, delivery.tries, subscription.channel, subscription.address, facts, delivery.created_at)


def hand_over(parcel: Parcel) -> Outcome:
    """Write the message and send it. What the channel says comes back without the address."""
    try:
        address = unseal(parcel.address)
    except InvalidToken:
        return Outcome(Result.LATER, "the contact cannot be read with this SECRET_KEY")
    channel = senders().get(parcel.channel)
    if channel is None:
        return Outcome(Result.LATER, f"no channel sends {parcel.channel} at the moment")
    text = render(parcel.facts)
    message = Message(
        delivery_id=parcel.delivery_id,
        address=address,
        language=parcel.facts.language,
        at=parcel.made_at,
        subject=text.subject,
        text=text.text,
        html=text.html,
    )
    result, answer = Result.SENT, Answer("")
    try:
        answer = channel.send(message)
    except TryLater as fault:
        result, answer = Result.LATER, fault.answer
    except Never as fault:
        result, answer = Result.ENDED if fault.ends else Result.NEVER, fault.answer
    return Outcome(result, answer.without(address))


def record(session: Session, parcel: Parcel, outcome: Outcome, *, now: dt.datetime) -> None:
    """Record how a try ended; a try that may be repeated is queued again with a growing wait, ten times in all.

    An answer that comes after the delivery was taken from its worker is kept with its attempt; it changes the delivery
    only when it says that the message went.
    """
    delivery = session.get_one(Delivery, parcel.delivery_id, with_for_update=True, populate_existing=True)
    attempt = session.get_one(Attempt, (parcel.delivery_id, parcel.number))
    attempt.answer, attempt.ok = outcome.answer, outcome.result is Result.SENT
    mine = delivery.state is DeliveryState.SENDING and delivery.tries == parcel.number
    if outcome.result is Result.SENT:
        if delivery.state is not DeliveryState.SENT:
            _close(delivery, DeliveryState.SENT, outcome.answer)
            delivery.sent_at = now
    elif mine and outcome.result is Result.LATER:
        _wait(session, delivery, outcome.answer, now)
    elif mine:
        _close(delivery, DeliveryState.FAILED, outcome.answer)
    if outcome.result is Result.ENDED:
        subscription = session.get_one(Subscription, delivery.subscription_id)
        subscription.ended_at = subscription.ended_at or now


def recover(session: Session, *, now: dt.datetime) -> int:
    """Queue again what should have moved five minutes ago: its worker died, or its job was lost. Give how many."""
    overdue = overdue_deliveries(session, before=now - TAKEN_FOR, limit=RECOVERED_AT_ONCE)
    for delivery in overdue:
        delivery.state, delivery.next_at = DeliveryState.QUEUED, now
        enqueue(session, "notify.deliver", delivery_id=str(delivery.id))
    return len(overdue)


def wait_s(tries: int) -> float:
    """Give the seconds before the next try: 60 times 3 to the tries so far, at most 6 hours, less up to half by chance.

    Ten tries span 12 to 24 hours. The chance keeps the mail of an outage from coming back in one heap.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * GROWTH ** (tries - 1))
    return _chance.uniform(longest / 2, longest)


def _wait(session: Session, delivery: Delivery, answer: str, now: dt.datetime) -> None:
    if delivery.tries >= MOST_TRIES:
        _close(delivery, DeliveryState.GIVEN_UP, answer)
        return
    delivery.state, delivery.last_answer = DeliveryState.QUEUED, answer
    delivery.next_at = now + dt.timedelta(seconds=wait_s(delivery.tries))
    enqueue(session, "notify.deliver", at=delivery.next_at, delivery_id=str(delivery.id))


def _close(delivery: Delivery, state: DeliveryState, answer: str) -> None:
    delivery.state, delivery.last_answer, delivery.next_at = state, answer, None
