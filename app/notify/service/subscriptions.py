"""Who hears of what: reporters of their own work order, followers of one, of an area or of an item."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.notify.contacts import parse_contact
from app.notify.errors import NoSuchLink
from app.notify.models import ChannelKind, Contact, Pace, Subscription
from app.notify.service.contacts import end_contact, know_contact
from app.workorders.models import WorkOrder


def subscribe(
    session: Session,
    work_order: WorkOrder,
    *,
    subscriber: UUID,
    about: dict[str, Any],
    contact: str,
    language: str,
    now: dt.datetime,
    channel: ChannelKind | None = None,
) -> Subscription:
    """Let a reporter hear of a work order whose row is locked, from the next line of its history on.

    Another address for the same report and channel replaces the one before. ``subscriber`` is the report's id,
    ``about`` its ``number`` and ``place``, ``language`` a BCP 47 tag; ``channel`` says what the contact is where that
    cannot be seen from it. Raises UnusableContact.
    """
    kind, address = parse_contact(contact, channel)
    known = know_contact(session, kind, address, language=language, now=now)
    others = select(Contact.id).where(Contact.channel == kind, Contact.id != known.id)
    replaced = update(Subscription).where(
        Subscription.subscriber == subscriber, Subscription.contact_id.in_(others), Subscription.ended_at.is_(None)
    )
    session.execute(replaced.values(ended_at=now))
    values: dict[str, Any] = {
        "work_order_id": work_order.id,
        "after_event": work_order.events,
        "about": about,
        "language": language,
        "ended_at": None,
    }
    statement = (
        insert(Subscription)
        .values(id=uuid7(), subscriber=subscriber, contact_id=known.id, pace=Pace.EACH, created_at=now, **values)
        .on_conflict_do_update(index_elements=["subscriber", "contact_id"], set_=values)
        .returning(Subscription)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def follow(
    session: Session,
    work_order: WorkOrder,
    *,
    contact: str,
    language: str,
    now: dt.datetime,
    channel: ChannelKind | None = None,
) -> Subscription:
    """Let anybody hear of a work order whose row is locked, from its next line on. Raises UnusableContact."""
    kind, address = parse_contact(contact, channel)
    known = know_contact(session, kind, address, language=language, now=now)
    values = {"after_event": work_order.events, "language": language, "ended_at": None}
    statement = (
        insert(Subscription)
        .values(id=uuid7(), contact_id=known.id, work_order_id=work_order.id, pace=Pace.EACH, created_at=now, **values)
        .on_conflict_do_update(
            index_elements=["contact_id", "work_order_id"],
            index_where=Subscription.subscriber.is_(None) & Subscription.work_order_id.is_not(None),
            set_={"language": language, "ended_at": None},
        )
        .returning(Subscription)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def follow_topic(
    session: Session,
    *,
    area: str | None,
    item: str | None,
    pace: Pace,
    contact: str,
    language: str,
    now: dt.datetime,
    channel: ChannelKind | None = None,
) -> Subscription:
    """Let anybody hear, in a letter a day or a week, what happens in an area, about an item, or about it there.

    Following it again changes the pace. Raises UnusableContact.
    """
    kind, address = parse_contact(contact, channel)
    known = know_contact(session, kind, address, language=language, now=now)
    of_topic = select(Subscription).where(
        Subscription.contact_id == known.id,
        Subscription.work_order_id.is_(None),
        Subscription.area.is_not_distinct_from(area),
        Subscription.item.is_not_distinct_from(item),
    )
    # The contact's row is locked: nobody else adds the same one meanwhile.
    subscription = session.scalars(of_topic, execution_options={"populate_existing": True}).one_or_none()
    if subscription is None:
        subscription = Subscription(contact_id=known.id, area=area, item=item, created_at=now, about={}, after_event=0)
        session.add(subscription)
        subscription.told_until = now
    elif subscription.ended_at is not None:
        subscription.told_until = now
    subscription.pace, subscription.language, subscription.ended_at = pace, language, None
    session.flush()
    return subscription


def move_subscriptions(session: Session, *, from_work_order_id: UUID, to: WorkOrder) -> list[UUID]:
    """Let all who hear of a work order hear of another one instead, from its next line on: the two were merged.

    A follower of both keeps the one of the survivor. Gives the subscriptions of the followers that were moved.
    """
    there = select(Subscription.contact_id).where(
        Subscription.work_order_id == to.id, Subscription.subscriber.is_(None)
    )
    follows_both = Subscription.subscriber.is_(None) & Subscription.contact_id.in_(there)
    moved = session.execute(
        update(Subscription)
        .where(Subscription.work_order_id == from_work_order_id, ~follows_both)
        .values(work_order_id=to.id, after_event=to.events)
        .returning(Subscription.id, Subscription.subscriber)
    )
    return [row.id for row in moved if row.subscriber is None]


def followers_of(session: Session, work_order_id: UUID) -> list[tuple[UUID, int]]:
    """Give the subscriptions of followers of a work order, and from which line on each hears."""
    statement = select(Subscription.id, Subscription.after_event).where(
        Subscription.work_order_id == work_order_id, Subscription.subscriber.is_(None)
    )
    return [(row.id, row.after_event) for row in session.execute(statement)]


def move_reporters(session: Session, reports: Collection[UUID], *, to: WorkOrder) -> None:
    """Let the reporters of some reports hear of another work order, from its next line on."""
    theirs = update(Subscription).where(Subscription.subscriber.in_(reports))
    session.execute(theirs.values(work_order_id=to.id, after_event=to.events))


def return_subscriptions(
    session: Session,
    reports: Collection[UUID],
    followers: Collection[UUID],
    *,
    from_work_order_id: UUID,
    to: WorkOrder,
) -> None:
    """Let reporters and followers hear of the work order again that a merge moved them from, from its next line on."""
    move_reporters(session, reports, to=to)
    theirs = update(Subscription).where(
        Subscription.id.in_(followers), Subscription.work_order_id == from_work_order_id
    )
    session.execute(theirs.values(work_order_id=to.id, after_event=to.events))


def end_subscription(session: Session, subscription_id: UUID, *, everything: bool, now: dt.datetime) -> Subscription:
    """Send nothing more for a subscription, or nothing at all to its contact. Said again, it changes nothing.

    Raises NoSuchLink.
    """
    subscription = session.get(Subscription, subscription_id, with_for_update=True, populate_existing=True)
    if subscription is None:
        raise NoSuchLink
    subscription.ended_at = subscription.ended_at or now
    if everything:
        end_contact(session, subscription.contact_id, "its owner wants nothing more", now=now)
    session.flush()
    return subscription


def end_for(session: Session, subscriber: UUID, contact_id: UUID, *, now: dt.datetime) -> None:
    """Tell a reporter nothing more by one of their contacts."""
    theirs = (Subscription.subscriber == subscriber) & (Subscription.contact_id == contact_id)
    session.execute(update(Subscription).where(theirs, Subscription.ended_at.is_(None)).values(ended_at=now))
