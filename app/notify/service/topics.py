"""Move the followers of an area or an item to its successor, and let their next letter say so."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from app.notify.models import Subscription
from app.notify.queries import LISTS_CHANGED


def move_followers(
    session: Session, *, column: str, old: str, new: str, names: dict[str, str], now: dt.datetime
) -> int:
    """Let all who follow the area or item ``old`` follow ``new`` instead; give how many.

    ``column`` is ``area`` or ``item``, ``names`` are ``name_zh`` and ``name_en`` of the old one. The next letter tells
    of it, news or not. Without a ``new`` one the letter says that nothing more comes. Said again, it changes nothing.
    """
    followed = getattr(Subscription, column)
    statement = (
        select(Subscription)
        .where(followed == old, Subscription.work_order_id.is_(None), Subscription.ended_at.is_(None))
        .where(true() if new else ~Subscription.about.has_key(LISTS_CHANGED))
        .order_by(Subscription.id)
        .with_for_update()
    )
    found = session.scalars(statement, execution_options={"populate_existing": True}).all()
    for subscription in found:
        _move(session, subscription, column, new, {**names, "at": now.isoformat()}, now=now)
    session.flush()
    return len(found)


def _move(
    session: Session, subscription: Subscription, column: str, new: str, news: dict[str, str], *, now: dt.datetime
) -> None:
    """Move one follower. Who follows the successor already keeps that subscription alone."""
    target = {"area": subscription.area, "item": subscription.item} | ({column: new} if new else {})
    kept = _same_topic(session, subscription, target) if new else None
    if kept is None:
        kept = subscription
        setattr(subscription, column, target[column])
    else:
        subscription.ended_at = now
        kept.told_until = kept.told_until if kept.ended_at is None else subscription.told_until
        kept.ended_at = None
    kept.about = {**kept.about, LISTS_CHANGED: {**news, "moved": bool(new)}}
    session.flush()


def _same_topic(session: Session, subscription: Subscription, topic: dict[str, Any]) -> Subscription | None:
    statement = select(Subscription).where(
        Subscription.contact_id == subscription.contact_id,
        Subscription.work_order_id.is_(None),
        Subscription.area.is_not_distinct_from(topic["area"]),
        Subscription.item.is_not_distinct_from(topic["item"]),
    )
    return session.scalars(statement).one_or_none()
