"""Move a work order to the current lists after a reload dropped its street, its unit or its item.

A unit that the lists still hold keeps its work. Work whose lead unit is gone goes to the named successor, else to the
unit that is responsible by the current lists: it signs anew, and the handling clock goes on. A part that is finished
goes over as it stands. A dispute stays with the adjudicator, who rules a current unit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.service import SYSTEM
from app.catalogue.city import City
from app.catalogue.models import Item, Unit
from app.catalogue.service import find_unit, get_item
from app.dispatch.case import Asked, Case, Content, find_at, resolve_at
from app.dispatch.errors import NobodyResponsible
from app.dispatch.models import Assignment, Part
from app.dispatch.queries import open_parts
from app.dispatch.service.assign import hand_over, say_unit
from app.dispatch.service.change import apply_found, hasten
from app.geo.errors import OutsideCity
from app.geo.service import locate
from app.workorders import clocks, service
from app.workorders.lifecycle import Action, Need, When, find_move
from app.workorders.models import DeadlineKind, WorkOrder
from app.workorders.states import State

REASON = "The lists of the city changed"

Heir = tuple[Unit, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Successors:
    """Which current code takes the place of a dropped one, by that; what is not named is found by the lists."""

    units: Mapping[str, str]
    items: Mapping[str, str]


def rehome(session: Session, work_order: WorkOrder, successors: Successors, *, city: City, now: dt.datetime) -> None:
    """Move a locked work order to the current lists, with a line of history.

    Its street is the one that covers its position now. An item that is gone becomes the named one, else the city's
    fallback item. Raises OutsideCity where no street is near, NobodyResponsible where no unit takes it.
    """
    asked = Asked(action=Action.CHANGE, note=REASON)
    case = Case(work_order=work_order, asked=asked, by=SYSTEM, city=city, now=now)
    case.parts = open_parts(session, work_order.id)
    place = locate(session, work_order.position, work_order.accuracy_m, nearest_limit_m=city.nearest_street_limit_m)
    case.found = find_at(session, _item_of(session, work_order, successors, city), place, city=city, now=now)
    heir = _heir_of_lead(session, case, successors)
    content, hastens = apply_found(session, case, case.found)
    content |= _rehome_co_units(session, case, successors)
    changes_hands = heir is not None and case.lead is not None and case.lead.finished_at is None
    if heir is not None and changes_hands:
        if work_order.state is State.ON_HOLD:
            clocks.go_on(session, work_order, DeadlineKind.HANDLING, city=city, now=now)
        content |= hand_over(session, case, *heir)
    elif heir is not None and case.lead is not None:
        content["unit"] = say_unit(inherit(session, work_order, case.lead, heir, now=now).unit)
    content |= hasten(session, case) if hastens else {}
    facts = {When.OTHER if changes_hands else When.SAME}
    move = find_move(work_order.state, Action.CHANGE, SYSTEM.role, {Need.CHANGE, Need.REASON}, facts)
    service.take(session, work_order, move, by=SYSTEM, city=city, now=now, content=content)


def inherit(session: Session, work_order: WorkOrder, part: Assignment, heir: Heir, *, now: dt.datetime) -> Assignment:
    """Give the part of a unit that is gone to another one as it stands: signed and finished where it was.

    Where the heir has a part already, that one ends.
    """
    unit, explanation = heir
    for each in open_parts(session, work_order.id):
        if each.id == part.id or each.unit_code == unit.code:
            each.ended_at = now
    session.flush()
    copied = ("part", "ruled", "signed_at", "signed_by", "finished_at")
    values = {name: getattr(part, name) for name in copied}
    new = Assignment(
        work_order_id=work_order.id,
        unit_id=unit.id,
        unit_code=unit.code,
        explanation=explanation,
        assigned_at=now,
        **values,
    )
    new.unit = unit
    session.add(new)
    for deadline in clocks.running(session, work_order):
        deadline.unit = unit.code if deadline.unit == part.unit_code else deadline.unit
    _repeat_units(work_order, part.unit_code, new)
    session.flush()
    return new


def replace_gone_unit(
    session: Session, work_order: WorkOrder, part: Assignment, *, city: City, now: dt.datetime
) -> Assignment:
    """Give a part whose unit left the lists to the unit that is responsible now; else the part as it is.

    Work that comes back after it was closed may belong to a unit that was dropped meanwhile.
    """
    if find_unit(session, part.unit_code) is not None:
        return part
    try:
        place = locate(session, work_order.position, work_order.accuracy_m, nearest_limit_m=city.nearest_street_limit_m)
        resolution = resolve_at(session, work_order.item, place, city=city, now=now)
    except (OutsideCity, NobodyResponsible):
        return part
    heir = resolution.unit, resolution.explanation | {"before": part.explanation}
    return inherit(session, work_order, part, heir, now=now)


def _item_of(session: Session, work_order: WorkOrder, successors: Successors, city: City) -> Item:
    codes = (work_order.item_code, successors.items.get(work_order.item_code, ""))
    current = session.scalars(select(Item).where(Item.code.in_(codes), Item.until.is_(None))).all()
    known = {item.code: item for item in current}
    return next((known[code] for code in codes if code in known), None) or get_item(session, city.fallback_item)


def _heir_of_lead(session: Session, case: Case, successors: Successors) -> Heir | None:
    """Find who takes over from a lead unit that is gone; None where it is still there or a dispute is open."""
    lead, found = case.lead, case.found
    settled = case.work_order.state in {State.AWAITING_DISPATCH, State.DISPUTED}
    if lead is None or found is None or settled or find_unit(session, lead.unit_code) is not None:
        return None
    named = find_unit(session, successors.units.get(lead.unit_code, ""))
    if named is not None:
        return named, _say_successor(named, lead)
    if found.resolution is None:
        message = f"No unit is responsible for {found.item.code} in {found.place.street.code}."
        raise NobodyResponsible(message)
    return found.resolution.unit, found.resolution.explanation | {"before": lead.explanation}


def _rehome_co_units(session: Session, case: Case, successors: Successors) -> Content:
    """Give the parts of co-units that are gone to their named successors; a desk decides about the others."""
    done, taking_part = {}, {part.unit_code for part in case.parts}
    for part in case.parts:
        named = find_unit(session, successors.units.get(part.unit_code, ""))
        if part.part is not Part.CO or named is None or find_unit(session, part.unit_code) is not None:
            continue
        done[part.unit_code] = named.code
        if named.code in taking_part:
            _end_co_part(session, case, part)
        else:
            inherit(session, case.work_order, part, (named, _say_successor(named, part)), now=case.now)
    return {"co_units": done} if done else {}


def _end_co_part(session: Session, case: Case, part: Assignment) -> None:
    work_order = case.work_order
    part.ended_at = case.now
    work_order.co_units = [code for code in work_order.co_units if code != part.unit_code]
    clocks.stop(session, work_order, DeadlineKind.SIGN_FOR, now=case.now, unit=part.unit_code)


def _say_successor(unit: Unit, part: Assignment) -> dict[str, Any]:
    return {"unit": unit.code, "basis": "successor", "before": part.explanation}


def _repeat_units(work_order: WorkOrder, old: str, new: Assignment) -> None:
    """Repeat the codes of the present parts in the work order."""
    others = [code for code in work_order.co_units if code not in {old, new.unit_code}]
    if new.part is Part.LEAD:
        work_order.lead_unit, work_order.co_units = new.unit_code, others
    elif new.unit_code != work_order.lead_unit:
        work_order.co_units = sorted([*others, new.unit_code])
