"""Begin the history of a work order that was just opened: who is responsible, and dispatch it or let it wait."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.service import SYSTEM
from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import Item
from app.dispatch import service as dispatch
from app.dispatch.errors import NobodyResponsible
from app.dispatch.resolve import Resolution, resolve
from app.dispatch.service.waiting import await_dispatch, reasons_to_wait
from app.geo.service import Place
from app.workorders.models import WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append

log = logging.getLogger(__name__)


def find_unit(
    session: Session, item: Item, place: Place, asset: NearAsset | None, *, city: City, now: dt.datetime
) -> Resolution | None:
    """Find the responsible unit; where the pack has none, a dispatcher will, and the resident is not sent away."""
    try:
        return resolve(session, item, place, asset, city=city, on=now.astimezone(city.timezone).date())
    except NobodyResponsible:
        log.warning("nobody is responsible", extra={"street": place.street.code, "item": item.code})
        return None


def begin(
    session: Session,
    work_order: WorkOrder,
    kind: EventKind,
    content: dict[str, Any],
    *,
    place: Place,
    resolution: Resolution | None,
    city: City,
    by: str,
    now: dt.datetime,
    urgent: bool = False,
    photo_far_m: float | None = None,
) -> None:
    """Write the first line, and dispatch the work order where nothing speaks against it.

    Otherwise it waits, and the line names no unit. ``urgent``: the report's own words put it into the green channel.
    """
    item = work_order.item
    reasons = reasons_to_wait(session, item, place, resolution, city=city, photo_far_m=photo_far_m)
    chosen = None if reasons else resolution
    if chosen is not None:
        handling = dispatch.handling_due(item, urgent=urgent, city=city, now=now)
        content |= {"unit": dispatch.say_unit(chosen.unit), "due_at": handling.isoformat()}
    append(session, work_order, kind, at=now, by=by, content=content)
    if urgent:
        say_urgent(session, work_order, now=now)
    if chosen is not None:
        dispatch.assign(session, work_order, chosen, by=SYSTEM, city=city, now=now)
    else:
        await_dispatch(session, work_order, reasons, resolution, city=city, now=now)


def say_urgent(session: Session, work_order: WorkOrder, *, now: dt.datetime) -> None:
    """Record that a report's own words moved a work order to the green channel."""
    append(session, work_order, EventKind.URGENT, at=now, by="system", content={"reason": "words"}, public=False)
