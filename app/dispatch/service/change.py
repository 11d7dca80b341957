"""Another item or another position: resolve again, keep both explanations, restart no clock.

An item that is urgent sets the running clocks anew, as a mark by a person does: once, and never later.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.catalogue.models import Urgency
from app.dispatch.case import Case, Content, Found
from app.dispatch.service.assign import hand_over, say_unit
from app.dispatch.service.urgent import speed_up
from app.dispatch.service.waiting import CHANGED, wait_on
from app.workorders.lifecycle import When
from app.workorders.states import EventKind, State
from app.workorders.timeline import append


def change(session: Session, case: Case) -> Content:
    """Correct item or position of a work order; where that makes another unit responsible, hand it over."""
    found, work_order = case.found, case.work_order
    if found is None:
        raise RuntimeError("a change is studied before it is made")
    content, hastens = apply_found(session, case, found)
    if work_order.state is not State.AWAITING_DISPATCH:
        content |= _send_on(session, case, found)
    return content | (hasten(session, case) if hastens else {})


def apply_found(session: Session, case: Case, found: Found) -> tuple[Content, bool]:
    """Write item, place and asset to the work order; give the content of its line and whether it becomes urgent.

    What waits for a dispatcher goes on waiting, for the reasons that there are now.
    """
    work_order = case.work_order
    before = {"item": work_order.item_code, "lon": work_order.position.lon, "lat": work_order.position.lat}
    content: Content = {"reason": case.asked.note, "before": before, "item": _say_item(found)}
    if work_order.state is State.AWAITING_DISPATCH:
        content |= wait_on(session, work_order, found, because=CHANGED, city=case.city)
    return content, _apply(case, found)


def hasten(session: Session, case: Case) -> Content:
    """Set the running clocks anew because the item became an urgent one; give the new promise for history."""
    work_order = case.work_order
    due_at = speed_up(session, work_order, city=case.city, now=case.now)
    append(session, work_order, EventKind.URGENT, at=case.now, by="system", content={"reason": "item"}, public=False)
    return {"due_at": due_at}


def _send_on(session: Session, case: Case, found: Found) -> Content:
    """Give it to the unit that is responsible now, or keep the new explanation where that is the same one."""
    lead, resolution = case.lead, found.resolution
    if resolution is None:
        raise RuntimeError("only what waits is changed to what nobody is responsible for")
    explanation = resolution.explanation | {"before": lead.explanation if lead else None}
    if When.OTHER in case.facts:
        return hand_over(session, case, resolution.unit, explanation)
    if lead is None:
        return {}
    lead.explanation = explanation
    return {"unit": say_unit(lead.unit)}


def _apply(case: Case, found: Found) -> bool:
    """Write what is right; tell whether that moves it to the green channel."""
    work_order, place = case.work_order, found.place
    work_order.item_id, work_order.item_code = found.item.id, found.item.code
    set_committed_value(work_order, "item", found.item)
    # Once sensitive, always: what was shown as little as possible is not shown more by a correction.
    work_order.sensitive = work_order.sensitive or found.item.sensitive
    work_order.position, work_order.accuracy_m = place.point, place.accuracy_m
    work_order.community = place.community.code if place.community else None
    work_order.street = place.street.code
    work_order.district = place.district.code if place.district else None
    work_order.asset_id = found.asset.asset.id if found.asset else None
    if work_order.urgent_at is not None:
        return False  # somebody said so, or the words of a report did: that stands whatever the item is
    hastens = found.item.urgency is Urgency.URGENT and work_order.urgency is not Urgency.URGENT
    work_order.urgency = found.item.urgency
    return hastens


def _say_item(found: Found) -> dict[str, Any]:
    item = found.item
    return {"code": item.code, "name_zh": item.name_zh, "name_en": item.name_en}
