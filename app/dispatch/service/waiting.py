"""What waits for a dispatcher, and why. Everything else is assigned at filing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from app.assets.service import holds_class
from app.catalogue.city import City
from app.catalogue.models import Item, Urgency
from app.dispatch.case import Found
from app.dispatch.lists import why_they_wait
from app.dispatch.resolve import Resolution
from app.geo.service import Place
from app.workorders import clocks
from app.workorders.clocks import minutes
from app.workorders.models import DeadlineKind, WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append

PHOTO_FAR = "photo_far_from_position"
CHANGED, RECONSIDERED = "changed", "reconsidered"


def reasons_to_wait(
    session: Session,
    item: Item,
    place: Place,
    resolution: Resolution | None,
    *,
    city: City,
    photo_far_m: float | None = None,
) -> list[dict[str, Any]]:
    """Name the reasons why a person should look before a unit is sent; none means that the machine may dispatch.

    Less than the pack's share of the accuracy circle lies in the chosen street; photo and position disagree, by
    ``photo_far_m``; the item expects an asset, the pack holds assets of its class and none is near; nobody is
    responsible.
    """
    reasons: list[dict[str, Any]] = []
    share = place.share_of_street
    if share < city.limits.dispatch_share:
        streets = [{"area": each.area.code, "share": round(each.share, 3)} for each in place.candidates]
        reasons.append({"reason": "street_uncertain", "share": round(share, 3), "candidates": streets})
    if photo_far_m is not None:
        reasons.append({"reason": PHOTO_FAR, "distance_m": round(photo_far_m)})
    if resolution is None:
        reasons.append({"reason": "nobody_responsible", "street": place.street.code})
    elif item.asset_class and resolution.asset is None and holds_class(session, item.asset_class):
        within = city.limits.asset_match_m
        reasons.append({"reason": "no_asset_near", "class": item.asset_class, "within_m": within})
    return reasons


def await_dispatch(
    session: Session,
    work_order: WorkOrder,
    reasons: list[dict[str, Any]],
    resolution: Resolution | None,
    *,
    city: City,
    now: dt.datetime,
) -> None:
    """Leave a new work order to the dispatchers, with the reasons, whom the rules propose, and a clock that runs."""
    start_dispatch_clock(session, work_order, city=city, now=now)
    proposed = resolution.explanation if resolution else None
    content = {"reasons": reasons, "proposed": proposed}
    append(session, work_order, EventKind.WAITING, at=now, by="system", content=content, public=False)


def wait_on(session: Session, work_order: WorkOrder, found: Found, *, because: str, city: City) -> dict[str, Any]:
    """Say anew why a work order waits for a dispatcher, in the form that history carries.

    That photo and position disagree stands until the position is corrected. Where nothing else is left, it waits
    because of the step itself: a person sent it here, and a person sends it on.
    """
    before = why_they_wait(session, [work_order.id]).get(work_order.id, {}).get("reasons", ())
    stays = [each for each in before if each["reason"] == PHOTO_FAR and found.place.point == work_order.position]
    reasons = stays + reasons_to_wait(session, found.item, found.place, found.resolution, city=city)
    proposed = found.resolution.explanation if found.resolution else None
    return {"reasons": reasons or [{"reason": because}], "proposed": proposed}


def start_dispatch_clock(session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime) -> None:
    """Start the clock of the dispatch: the catalogue's minutes, fewer for what was marked urgent."""
    limit = work_order.item.dispatch_minutes
    if work_order.urgent_at is not None or work_order.urgency is Urgency.URGENT:
        limit = min(limit, city.limits.dispatch_urgent_minutes)
    clocks.start_clock(session, work_order, DeadlineKind.DISPATCH, minutes(limit), unit=None, city=city, now=now)
