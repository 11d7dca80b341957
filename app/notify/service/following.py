"""Follow what is public: one work order, or an area, an item, or both."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.city import current_city
from app.catalogue.service import get_item
from app.crockford import normalise
from app.geo.models import Area
from app.notify.errors import NothingToFollow
from app.notify.models import ChannelKind, Pace, Subscription
from app.notify.service.subscriptions import follow, follow_topic
from app.notify.texts import language_of
from app.workorders.models import WorkOrder
from app.workorders.states import ENDED


def follow_anything(
    session: Session,
    *,
    work_order: str | None,
    area: str | None,
    item: str | None,
    pace: Pace,
    contact: str,
    channel: ChannelKind | None,
    language: str,
    now: dt.datetime,
) -> Subscription:
    """Follow what a request names. Raises NothingToFollow, UnknownItem, UnusableContact."""
    city = current_city(session)
    who: dict[str, Any] = {
        "contact": contact,
        "channel": channel,
        "language": language_of(language, city.languages),
        "now": now,
    }
    if work_order:
        return follow(session, _lock(session, work_order), **who)
    if item:
        get_item(session, item)
    if area and area != city.code:
        known = select(Area.id).where(Area.code == area, Area.until.is_(None))
        if session.scalars(known).one_or_none() is None:
            raise NothingToFollow("/area", f"There is no area {area!r}.")
    return follow_topic(session, area=area or None, item=item or None, pace=pace, **who)


def _lock(session: Session, public_id: str) -> WorkOrder:
    """Lock a work order that everybody may know of and that is not over."""
    statement = select(WorkOrder).where(WorkOrder.public_id == normalise(public_id)).with_for_update(key_share=True)
    found = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    if found is None or found.sensitive or found.state in ENDED:
        raise NothingToFollow("/work_order", "There is no such work order to follow: it may be closed.")
    return found
