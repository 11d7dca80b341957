"""Co-units (协办): each signs for and finishes its own part; the work order is fixed when all are."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.dispatch.case import Case, Content
from app.dispatch.errors import AlreadyTheirs, NoSuchPart
from app.dispatch.models import Part
from app.dispatch.service.assign import add_part, get_unit, say_choice, say_unit
from app.dispatch.service.sign import all_done
from app.workorders import clocks
from app.workorders.lifecycle import When
from app.workorders.models import DeadlineKind


def involve(session: Session, case: Case) -> Content:
    """Give a further unit a part of its own. Raises AlreadyTheirs where it has one."""
    unit, work_order = get_unit(session, case.asked.unit), case.work_order
    if unit.code in {part.unit_code for part in case.parts}:
        raise AlreadyTheirs(unit.code)
    add_part(session, work_order, unit, Part.CO, say_choice(case, "involved"), city=case.city, now=case.now)
    work_order.co_units = sorted({*work_order.co_units, unit.code})
    return {"unit": say_unit(unit), "reason": case.asked.note}


def release(session: Session, case: Case) -> Content:
    """Take a co-unit's part back. Where everybody else has finished, the work order is fixed by that."""
    unit, work_order = get_unit(session, case.asked.unit), case.work_order
    part = next((each for each in case.parts if each.unit_code == unit.code and each.part is Part.CO), None)
    if part is None:
        raise NoSuchPart(unit.code)
    part.ended_at = case.now
    work_order.co_units = [code for code in work_order.co_units if code != unit.code]
    clocks.stop(session, work_order, DeadlineKind.SIGN_FOR, now=case.now, unit=unit.code)
    content: Content = {"released": unit.code, "reason": case.asked.note}
    if When.LAST in case.facts:
        all_done(session, case)
        content["unit"] = say_unit(case.lead.unit) if case.lead else None
    return content
