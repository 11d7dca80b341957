"""Contacts: whose address is it? One question, answered by a link or a code, before anything else is sent there."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app import setbacks
from app.notify.errors import AskedEnough, CodeRefused, NoSuchLink
from app.notify.keys import code_for, contact_digest, seal
from app.notify.lanes import enqueue_delivery
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryKind, DeliveryState, Subscription
from app.notify.senders import senders
from app.workorders.models import WorkOrder

# A browser made the endpoint of a push subscription for this site after its owner agreed: nobody else has it.
CONFIRMED_BY_NATURE = (ChannelKind.PUSH,)
ASKED_ANEW_AFTER = dt.timedelta(days=1)
ASK_AGAIN_AFTER = dt.timedelta(minutes=10)
QUESTIONS_A_DAY = 3
MOST_GUESSES = 5
CODE_LASTS = dt.timedelta(days=1)
NEVER_CONFIRMED = dt.timedelta(days=7)
FORGOTTEN_AT_ONCE = 5000
ERASE, GIVE_UP = "notify.forget", "notify.give_up"


def know_contact(session: Session, channel: ChannelKind, address: str, *, language: str, now: dt.datetime) -> Contact:
    """Find or keep a contact, locked; one that has not said that it is theirs is asked, at most once a day.

    One that ended (it refused, or wanted nothing more) is asked anew: somebody gave it again.
    """
    digest = contact_digest(channel, address)
    values = {"channel": channel, "digest": digest, "address": seal(address), "language": language, "given_at": now}
    new = insert(Contact).values(id=uuid7(), created_at=now, **values)
    kept = new.on_conflict_do_update(
        index_elements=["digest"], index_where=Contact.erased_at.is_(None), set_={"given_at": now}
    )
    contact = session.scalars(kept.returning(Contact), execution_options={"populate_existing": True}).one()
    if contact.ended_at is not None:
        contact.ended_at, contact.ended_because, contact.confirmed_at = None, "", None
    if contact.confirmed_at is None and channel in CONFIRMED_BY_NATURE:
        contact.confirmed_at = now
    lately = contact.asked_at is not None and now < contact.asked_at + ASKED_ANEW_AFTER
    if contact.confirmed_at is None and channel in senders() and not lately:
        _ask(session, contact, language=language, now=now)
    session.flush()
    return contact


def ask_again(session: Session, contact_id: UUID, *, now: dt.datetime) -> Contact:
    """Ask once more, as the question did not come. Raises AskedEnough within ten minutes, or after three a day."""
    contact = session.get_one(Contact, contact_id, with_for_update=True, populate_existing=True)
    if contact.confirmed_at is not None or contact.ended_at is not None:
        return contact
    today = select(func.count()).where(
        Delivery.contact_id == contact_id,
        Delivery.kind == DeliveryKind.QUESTION,
        Delivery.created_at > now - ASKED_ANEW_AFTER,
    )
    soon = contact.asked_at is not None and now < contact.asked_at + ASK_AGAIN_AFTER
    if soon or session.scalars(today).one() >= QUESTIONS_A_DAY:
        raise AskedEnough
    _ask(session, contact, language=contact.language, now=now)
    session.flush()
    return contact


def _ask(session: Session, contact: Contact, *, language: str, now: dt.datetime) -> None:
    contact.asked, contact.asked_at, contact.guesses, contact.language = contact.asked + 1, now, 0, language
    question = Delivery(
        id=uuid7(),
        kind=DeliveryKind.QUESTION,
        contact_id=contact.id,
        number=contact.asked,
        state=DeliveryState.QUEUED,
        created_at=now,
        next_at=now,
    )
    session.add(question)
    session.flush()
    enqueue_delivery(session, question.id, contact.channel)


def confirm(session: Session, contact_id: UUID, *, now: dt.datetime) -> Contact:
    """Take the word of who holds the address; what waited for it goes out. Said again, it changes nothing.

    Raises NoSuchLink where the contact is gone.
    """
    contact = session.get(Contact, contact_id, with_for_update=True, populate_existing=True)
    if contact is None or contact.erased_at is not None or contact.ended_at is not None:
        raise NoSuchLink
    if contact.confirmed_at is None:
        contact.confirmed_at = now
        release(session, contact, now=now)
    return contact


def confirm_by_code(session: Session, channel: ChannelKind, address: str, code: str, *, now: dt.datetime) -> None:
    """Take the six digits that were sent to an address. Raises CodeRefused, also for an address that nobody gave.

    Five wrong ones, or a day, end a code. The caller commits also where this raises: the guess is counted.
    """
    statement = select(Contact).where(
        Contact.digest == contact_digest(channel, address), Contact.erased_at.is_(None), Contact.ended_at.is_(None)
    )
    contact = session.scalars(statement.with_for_update()).one_or_none()
    if contact is None or contact.asked_at is None or now > contact.asked_at + CODE_LASTS:
        raise CodeRefused
    if contact.guesses >= MOST_GUESSES:
        raise CodeRefused
    if not hmac.compare_digest(code_for(contact.id, contact.asked), code):
        contact.guesses += 1
        session.flush()
        raise CodeRefused
    confirm(session, contact.id, now=now)


def release(session: Session, contact: Contact, *, now: dt.datetime) -> int:
    """Send what waited for a contact: of each subscription the first and the last; give how many.

    What lies between was overtaken by the last and stands on the page that each of them links to.
    """
    waiting = session.scalars(
        select(Delivery)
        .where(
            Delivery.contact_id == contact.id,
            Delivery.state == DeliveryState.QUEUED,
            Delivery.next_at.is_(None),
        )
        .order_by(Delivery.id)
        .with_for_update()
    ).all()
    by_subscription: dict[UUID | None, list[Delivery]] = {}
    for delivery in waiting:
        by_subscription.setdefault(delivery.subscription_id, []).append(delivery)
    sent = {each.id for those in by_subscription.values() for each in (those[0], those[-1])}
    for delivery in waiting:
        if delivery.id in sent:
            delivery.next_at = now
            enqueue_delivery(session, delivery.id, contact.channel)
        else:
            delivery.state, delivery.last_answer = DeliveryState.GIVEN_UP, "a later one overtook it before the answer"
    session.flush()
    return len(sent)


def end_contact(session: Session, contact_id: UUID, because: str, *, now: dt.datetime) -> None:
    """Send nothing more to an address: it refuses for good, or its owner said so."""
    ended = update(Contact).where(Contact.id == contact_id, Contact.ended_at.is_(None))
    session.execute(ended.values(ended_at=now, ended_because=because))


def give_up_unconfirmed(session: Session, *, now: dt.datetime) -> int:
    """Give up what waited a week for an answer that did not come; give how many."""
    waiting = (
        Delivery.state == DeliveryState.QUEUED,
        Delivery.next_at.is_(None),
        Delivery.created_at < now - NEVER_CONFIRMED,
    )
    given_up = {"state": DeliveryState.GIVEN_UP, "last_answer": "nobody confirmed the address"}
    return _change_all(session, GIVE_UP, Delivery, waiting, given_up, now=now)


def forget(session: Session, *, now: dt.datetime, days: int) -> int:
    """Erase the addresses that no open work order, and none that closed within ``days`` days, needs; give how many.

    Of one call 5,000 at most.

    A follower of an area keeps the address as long as that is followed; a contact without any subscription is erased
    after the same time.
    """
    before = now - dt.timedelta(days=days)
    needed = (
        select(Subscription.id)
        .outerjoin(WorkOrder, WorkOrder.id == Subscription.work_order_id)
        .where(Subscription.contact_id == Contact.id)
        .where(
            case(
                (Subscription.work_order_id.is_(None), Subscription.ended_at.is_(None)),
                else_=WorkOrder.closed_at.is_(None) | (WorkOrder.closed_at >= before),
            )
        )
    )
    useless = (Contact.erased_at.is_(None), Contact.given_at < before, ~needed.exists())
    return _change_all(session, ERASE, Contact, useless, {"address": b"", "digest": b"", "erased_at": now}, now=now)


def _change_all(
    session: Session,
    kind: str,
    model: type[Contact | Delivery],
    where: Sequence[ColumnElement[bool]],
    values: Mapping[str, Any],
    *,
    now: dt.datetime,
) -> int:
    """Change the rows that meet a condition, 5,000 at most; one that cannot be changed (a fault of ours) is put off."""
    chosen = select(model.id).where(*where, ~setbacks.is_put_off(kind, model.id, now=now)).limit(FORGOTTEN_AT_ONCE)
    changed: list[UUID] = []

    def change(some: Sequence[UUID]) -> None:
        # The condition is read again: a filing may give the same address meanwhile, which then stays.
        statement = update(model).where(model.id.in_(some), *where).values(values).returning(model.id)
        changed.extend(session.scalars(statement))

    setbacks.attempt_all(session, kind, session.scalars(chosen).all(), change, now=now)
    return len(changed)
