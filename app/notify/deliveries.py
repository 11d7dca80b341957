"""One delivery: taken, handed over, its answer recorded.

``take`` and ``record`` are short transactions of the caller; ``hand_over`` between them needs none and may be slow.
A delivery whose worker dies in between stays ``sending`` until ``recover`` puts it back. ``timing`` says when a message
may go: not before its contact is confirmed, not at night on a phone that rings, not more a day than a person can bear.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

from cryptography.fernet import InvalidToken
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.notify.channels import Answer, Message, Never, TryLater
from app.notify.errors import ContactEnded, NoSuchDelivery, StillOpen
from app.notify.keys import unseal
from app.notify.lanes import enqueue_delivery, is_due
from app.notify.models import Attempt, ChannelKind, Contact, Delivery, DeliveryKind, DeliveryState
from app.notify.queries import overdue_deliveries, read_matter
from app.notify.senders import senders
from app.notify.service.contacts import end_contact
from app.notify.texts import Matter, render
from app.notify.timing import may_go_at

MOST_TRIES = 10
FIRST_WAIT_S = 60
GROWTH = 3
LONGEST_WAIT_S = 6 * 3600
LONGEST_ASKED_S = 24 * 3600
TAKEN_FOR = dt.timedelta(minutes=5)
RECOVERED_AT_ONCE = 500

_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that a try needs, read while the delivery was locked. ``address`` is still encrypted.

    ``key`` is what a receiver knows the message by: the same at every try, another one where staff sent it once more.
    """

    delivery_id: UUID
    key: UUID
    number: int
    channel: ChannelKind
    address: bytes
    matter: Matter
    made_at: dt.datetime


class Result(StrEnum):
    """How a try ended."""

    SENT = "sent"
    LATER = "later"
    NEVER = "never"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended and what the channel said; ``ended`` closes the contact too.

    ``after_s`` is how long the other side wants to be left alone.
    """

    result: Result
    answer: str
    after_s: float | None = None


def take(session: Session, delivery_id: UUID, *, now: dt.datetime) -> Parcel | None:
    """Take a queued delivery for a try; nothing when it is not queued or due, not wanted any more, or another's."""
    statement = (
        select(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.QUEUED)
        .options(joinedload(Delivery.contact), joinedload(Delivery.subscription), joinedload(Delivery.event))
        .with_for_update(of=Delivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    delivery = session.scalars(statement).one_or_none()
    if delivery is None or not is_due(delivery.next_at, now=now):
        return None
    contact, subscription = delivery.contact, delivery.subscription
    if contact.ended_at or contact.erased_at or (subscription is not None and subscription.ended_at):
        _close(delivery, DeliveryState.GIVEN_UP, "the subscription has ended")
        return None
    if delivery.tries >= MOST_TRIES * (delivery.copies + 1):
        _close(delivery, DeliveryState.GIVEN_UP, delivery.last_answer)
        return None
    matter = read_matter(session, delivery)
    later = _later(session, delivery, contact, matter, now=now)
    if later is not None:
        delivery.next_at = later
        enqueue_delivery(session, delivery.id, contact.channel, at=later)
        return None
    delivery.tries += 1
    delivery.state, delivery.next_at = DeliveryState.SENDING, now
    session.add(Attempt(delivery_id=delivery.id, number=delivery.tries, at=now))
    key = uuid5(delivery.id, str(delivery.copies)) if delivery.copies else delivery.id
    made_at = delivery.created_at
    return Parcel(delivery.id, key, delivery.tries, contact.channel, contact.address, matter, made_at)


def _later(
    session: Session, delivery: Delivery, contact: Contact, matter: Matter, *, now: dt.datetime
) -> dt.datetime | None:
    """Give when a delivery may go, where that is not now; who waits for a question waits for it now."""
    if delivery.kind is DeliveryKind.QUESTION:
        return None
    at = may_go_at(session, contact, urgent=matter.urgent, now=now)
    return at if at > now else None


def hand_over(parcel: Parcel) -> Outcome:
    """Write the message and send it. What the channel says comes back without the address."""
    try:
        address = unseal(parcel.address)
    except InvalidToken:
        return Outcome(Result.LATER, "the contact cannot be read with this SECRET_KEY")
    channel = senders().get(parcel.channel)
    if channel is None:
        return Outcome(Result.LATER, f"no channel sends {parcel.channel} at the moment")
    text = render(parcel.matter)
    message = Message(
        delivery_id=parcel.key,
        address=address,
        language=parcel.matter.language,
        at=parcel.made_at,
        subject=text.subject,
        text=text.text,
        html=text.html,
        short=text.short,
        link=parcel.matter.link,
        end_url=parcel.matter.end_url,
        kind=parcel.matter.name,
        urgent=parcel.matter.urgent,
        data=parcel.matter.data(),
    )
    result, answer, after_s = Result.SENT, Answer(""), None
    try:
        answer = channel.send(message)
    except TryLater as fault:
        result, answer, after_s = Result.LATER, fault.answer, fault.after_s
    except Never as fault:
        result, answer = Result.ENDED if fault.ends else Result.NEVER, fault.answer
    return Outcome(result, answer.without(address), after_s)


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
        if delivery.sent_at is None:  # a gateway's report may have come before its answer was written down
            _close(delivery, DeliveryState.SENT, outcome.answer)
            delivery.sent_at = now
    elif mine and outcome.result is Result.LATER:
        _wait(session, delivery, parcel.channel, outcome, now)
    elif mine:
        _close(delivery, DeliveryState.FAILED, outcome.answer)
    if outcome.result is Result.ENDED:
        end_contact(session, delivery.contact_id, outcome.answer, now=now)


def recover(session: Session, *, now: dt.datetime) -> int:
    """Queue again what should have moved five minutes ago and has no job, or a dead worker's. Give how many."""
    overdue = overdue_deliveries(session, before=now - TAKEN_FOR, limit=RECOVERED_AT_ONCE)
    for delivery in overdue:
        delivery.state, delivery.next_at = DeliveryState.QUEUED, now
        enqueue_delivery(session, delivery.id, delivery.contact.channel)
    return len(overdue)


def send_once_more(session: Session, delivery_id: UUID, *, now: dt.datetime) -> Delivery:
    """Have a delivery sent again that went, failed or was given up; a receiver takes it for a new message.

    Raises NoSuchDelivery, StillOpen while it is on its way by itself, and ContactEnded where nothing may go there.
    """
    delivery = session.scalars(
        select(Delivery)
        .where(Delivery.id == delivery_id)
        .options(joinedload(Delivery.contact), joinedload(Delivery.subscription))
        .with_for_update(of=Delivery)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if delivery is None:
        raise NoSuchDelivery
    if delivery.state in (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD):
        raise StillOpen
    contact, subscription = delivery.contact, delivery.subscription
    if contact.ended_at or contact.erased_at or (subscription is not None and subscription.ended_at):
        raise ContactEnded
    delivery.copies += 1
    delivery.state, delivery.next_at = DeliveryState.QUEUED, now
    enqueue_delivery(session, delivery.id, delivery.contact.channel)
    session.flush()
    return delivery


def wait_s(tries: int) -> float:
    """Give the seconds before the next try: 60 times 3 to the tries so far, at most 6 hours, less up to half by chance.

    Ten tries span 12 to 24 hours. The chance keeps the mail of an outage from coming back in one heap.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * GROWTH ** (tries - 1))
    return _chance.uniform(longest / 2, longest)


def later_s(tries: int, after_s: float | None) -> float:
    """Give the seconds before the next try: ours, or those of the other side where they are more, up to a day."""
    return max(wait_s(tries), min(after_s or 0, LONGEST_ASKED_S))


def _wait(session: Session, delivery: Delivery, channel: ChannelKind, outcome: Outcome, now: dt.datetime) -> None:
    if delivery.tries >= MOST_TRIES * (delivery.copies + 1):
        _close(delivery, DeliveryState.GIVEN_UP, outcome.answer)
        return
    delivery.state, delivery.last_answer = DeliveryState.QUEUED, outcome.answer
    delivery.next_at = now + dt.timedelta(seconds=later_s((delivery.tries - 1) % MOST_TRIES + 1, outcome.after_s))
    enqueue_delivery(session, delivery.id, channel, at=delivery.next_at)


def _close(delivery: Delivery, state: DeliveryState, answer: str) -> None:
    delivery.state, delivery.last_answer, delivery.next_at = state, answer, None
