"""When a message may go: never before somebody said that the address is theirs; not at night, not too many a day."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.city import City, current_city
from app.notify.models import ChannelKind, Contact, Delivery

A_DAY = dt.timedelta(days=1)
# What makes a phone ring. A letter waits in its box for the morning by itself, a system never sleeps.
RINGING = (ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.WECHAT)


def may_go_at(session: Session, contact: Contact, *, urgent: bool, now: dt.datetime) -> dt.datetime:
    """Give the first moment from ``now`` on at which a message may go to a contact.

    Work in the green channel is told at night too. Over the pack's ``messages_a_day`` a message waits until the first
    one of the last 24 hours is a day old; nothing is dropped.
    """
    city = current_city(session)
    at = max(now, _room_at(session, contact, city, now))
    return at if urgent or contact.channel not in RINGING else awake(at, city)


def awake(at: dt.datetime, city: City) -> dt.datetime:
    """Give the moment itself, or the end of the quiet hours in which it lies."""
    if city.quiet_hours is None:
        return at
    (start, end), local = city.quiet_hours, at.astimezone(city.timezone)
    over_midnight = end < start
    time = local.time()
    quiet = (time >= start or time < end) if over_midnight else start <= time < end
    if not quiet:
        return at
    day = local.date() + (dt.timedelta(days=1) if over_midnight and time >= start else dt.timedelta())
    return dt.datetime.combine(day, end, city.timezone).astimezone(dt.UTC)


def _room_at(session: Session, contact: Contact, city: City, now: dt.datetime) -> dt.datetime:
    """Give when there is room in the day's number for one more message."""
    most = city.limits.messages_a_day
    if not most:
        return now
    newest_first = (
        select(Delivery.sent_at)
        .where(Delivery.contact_id == contact.id, Delivery.sent_at > now - A_DAY)
        .order_by(Delivery.sent_at.desc())
        .offset(most - 1)
        .limit(1)
    )
    full_since = session.scalars(newest_first).one_or_none()
    return now if full_since is None else full_since + A_DAY
