"""Letters to those who follow an area or an item: one a day or a week, in the morning, where there is news."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import case, select
from sqlalchemy.orm import Session, contains_eager
from uuid_utils.compat import uuid7

from app import setbacks
from app.catalogue.city import City
from app.notify.lanes import enqueue_delivery
from app.notify.models import Contact, Delivery, DeliveryKind, DeliveryState, Pace, Subscription
from app.notify.queries import has_news
from app.restores import in_force

WRITTEN_AT_ONCE = 500
LETTER = "notify.letter"


def write_letters(session: Session, *, city: City, now: dt.datetime) -> int:
    """Queue the letters that are due since this morning's time; give how many topics were looked at, 500 at most.

    A letter tells of the time since the one before; without news there is none and the time is told of next time.
    Nobody is written twice of one morning: the end of the time is the morning itself, and unique. Each letter has a
    savepoint of its own; one that cannot be written (a fault of ours) is put off.
    """
    morning = last_morning(city, now)
    # An hour less: a week in which the clocks are set forward is as long.
    a_week_ago = morning - dt.timedelta(days=7, hours=-1)
    due = (
        select(Subscription)
        .join(Subscription.contact)
        .options(contains_eager(Subscription.contact))
        .where(
            Subscription.work_order_id.is_(None),
            Subscription.ended_at.is_(None),
            Subscription.told_until < case((Subscription.pace == Pace.WEEKLY, a_week_ago), else_=morning),
            Contact.confirmed_at.is_not(None),
            Contact.ended_at.is_(None),
            Contact.erased_at.is_(None),
            ~setbacks.is_put_off(LETTER, Subscription.id, now=now),
        )
        .order_by(Subscription.told_until)
        .limit(WRITTEN_AT_ONCE)
        .with_for_update(of=Subscription, skip_locked=True)
    )
    topics = {topic.id: topic for topic in session.scalars(due, execution_options={"populate_existing": True})}
    setbacks.attempt_each(session, LETTER, topics, lambda topic: _write(session, topic, morning, now=now), now=now)
    return len(topics)


def _write(session: Session, topic: Subscription, morning: dt.datetime, *, now: dt.datetime) -> None:
    since = topic.told_until or topic.created_at
    topic.told_until = morning
    if not has_news(session, topic, since, morning):
        return
    held = in_force(session) is not None  # one of the same days may have gone before a restore
    letter = Delivery(
        id=uuid7(),
        kind=DeliveryKind.LETTER,
        contact_id=topic.contact_id,
        subscription_id=topic.id,
        since=since,
        until=morning,
        state=DeliveryState.HELD if held else DeliveryState.QUEUED,
        created_at=now,
        next_at=None if held else now,
    )
    session.add(letter)
    session.flush()
    if not held:
        enqueue_delivery(session, letter.id, topic.contact.channel)


def last_morning(city: City, now: dt.datetime) -> dt.datetime:
    """Give the last moment at which letters were due: the pack's ``letter_time`` of today, or of yesterday."""
    local = now.astimezone(city.timezone)
    morning = dt.datetime.combine(local.date(), city.letter_time, city.timezone)
    return morning if morning <= local else morning - dt.timedelta(days=1)
