"""Another item or another position: resolve again, keep both explanations, restart no clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.dispatch.case import Case, Content, Found
from app.dispatch.service.assign import hand_over, say_unit
from app.workorders.lifecycle import State, When


def change(session: Session, case: Case) -> Content:
    """Correct item or position of a work order; where that makes another unit responsible, hand it over."""
    found, work_order = case.found, case.work_order
    if found is None:
        raise RuntimeError("a change is studied before it is made")
    before = {"item": work_order.item_code, "lon": work_order.position.lon, "lat": work_order.position.lat}
    _apply(case, found)
    content: Content = {"reason": case.asked.note, "before": before, "item": _say_item(found)}
    if work_order.state is State.AWAITING_DISPATCH:
        return content | {"proposed": found.resolution.explanation}
    lead = case.lead
    explanation = found.resolution.explanation | {"before": lead.explanation if lead else None}
    if When.OTHER in case.facts:
        return content | hand_over(session, case, found.resolution.unit, explanation)
    if lead is not None:
        lead.explanation = explanation
        content["unit"] = say_unit(lead.unit)
    return content


def _apply(case: Case, found: Found) -> None:
    work_order, place, asset = case.work_order, found.place, found.resolution.asset
    work_order.item_id, work_order.item_code = found.item.id, found.item.code
    set_committed_value(work_order, "item", found.item)
    # Once sensitive, always: what was shown as little as possible is not shown more by a correction.
    work_order.sensitive = work_order.sensitive or found.item.sensitive
    work_order.position, work_order.accuracy_m = place.point, place.accuracy_m
    work_order.community = place.community.code if place.community else None
    work_order.street = place.street.code
    work_order.district = place.district.code if place.district else None
    work_order.asset_id = asset.asset.id if asset else None


def _say_item(found: Found) -> dict[str, Any]:
    item = found.item
    return {"code": item.code, "name_zh": item.name_zh, "name_en": item.name_en}
