"""Give a work order to a unit, with its clocks: at filing, by a dispatcher, by a transfer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.calendar import due
from app.catalogue.city import City
from app.catalogue.errors import UnknownUnit
from app.catalogue.models import Item, Unit, Urgency
from app.catalogue.service import find_unit
from app.catalogue.values import Duration
from app.dispatch.case import Case, Content, resolve_at
from app.dispatch.errors import AlreadyTheirs
from app.dispatch.escalation import next_look
from app.dispatch.models import Assignment, Notice, NoticeKind, Part, Supervision
from app.dispatch.queries import open_parts
from app.dispatch.resolve import Resolution
from app.geo.service import locate
from app.workorders import clocks, service
from app.workorders.clocks import minutes
from app.workorders.lifecycle import Action, find_move
from app.workorders.models import DeadlineKind, WorkOrder


def say_unit(unit: Unit) -> dict[str, str]:
    """Name a unit in the form that history and answers carry."""
    return {"code": unit.code, "name_zh": unit.name_zh, "name_en": unit.name_en}


def get_unit(session: Session, code: str | None) -> Unit:
    """Give the current unit of a code. Raises UnknownUnit."""
    unit = find_unit(session, code) if code else None
    if unit is None:
        raise UnknownUnit(code)
    return unit


def handling_due(item: Item, *, urgent: bool, city: City, now: dt.datetime) -> dt.datetime:
    """Compute until when an item is to be fixed; in the green channel (加急) never later than its own limit."""
    usual = due(now, item.handle_amount, item.handle_unit, city)
    limit = city.limits.handling_urgent
    return min(usual, due(now, limit.amount, limit.unit, city)) if urgent else usual


def sign_limit(work_order: WorkOrder, city: City) -> Duration:
    """Give the time that a unit has to sign for a work order."""
    urgent = work_order.urgency is Urgency.URGENT
    return minutes(city.limits.sign_for_urgent_minutes if urgent else city.limits.sign_for_minutes)


def assign(
    session: Session, work_order: WorkOrder, resolution: Resolution, *, by: Person, city: City, now: dt.datetime
) -> Assignment:
    """Dispatch a work order that awaits it: assignment with its explanation, clocks, history."""
    move = find_move(work_order.state, Action.DISPATCH, by.role)
    assignment, content = _send(session, work_order, resolution.unit, resolution.explanation, city=city, now=now)
    service.take(session, work_order, move, by=by, city=city, now=now, content=content)
    return assignment


def dispatch(session: Session, case: Case) -> Content:
    """Send a waiting work order to the unit that a dispatcher names, else to the one that is responsible now."""
    work_order, city, now = case.work_order, case.city, case.now
    limit = city.nearest_street_limit_m
    place = locate(session, work_order.position, work_order.accuracy_m, nearest_limit_m=limit)
    if case.asked.unit is None:
        proposed = resolve_at(session, work_order.item, place, city=city, now=now)
        unit, explanation = proposed.unit, proposed.explanation
    else:
        unit = get_unit(session, case.asked.unit)
        explanation = say_choice(case, "dispatcher")
    _, content = _send(session, work_order, unit, explanation, city=city, now=now)
    return content | {"by_hand": True}


def transfer(session: Session, case: Case) -> Content:
    """Give the work order to another unit, which signs for it anew; the handling clock goes on."""
    unit = get_unit(session, case.asked.unit)
    return hand_over(session, case, unit, say_choice(case, "transfer"))


def hand_over(session: Session, case: Case, unit: Unit, explanation: dict[str, Any], *, ruled: bool = False) -> Content:
    """Make another unit the lead, with a new time to sign and the handling clock as it stands.

    Raises AlreadyTheirs where it is the lead already. A co-unit that becomes the lead gives up its own part.
    """
    work_order, lead = case.work_order, case.lead
    if lead is not None:
        if lead.unit_code == unit.code:
            raise AlreadyTheirs(unit.code)
        lead.ended_at = case.now
        clocks.stop(session, work_order, DeadlineKind.SIGN_FOR, now=case.now, unit=lead.unit_code)
    for part in case.parts:
        if part.part is Part.CO and part.unit_code == unit.code:
            part.ended_at = case.now
            clocks.stop(session, work_order, DeadlineKind.SIGN_FOR, now=case.now, unit=unit.code)
    session.flush()
    work_order.co_units = [code for code in work_order.co_units if code != unit.code]
    add_part(session, work_order, unit, Part.LEAD, explanation, city=case.city, now=case.now, ruled=ruled)
    work_order.lead_unit = unit.code
    look_at = next_look(work_order, city=case.city, now=case.now)
    for kind in (*clocks.PROMISED, DeadlineKind.SUPERVISION):
        clocks.hand_on(session, work_order, kind, unit=unit.code, look_at=look_at)
    _hand_on_supervision(session, work_order, unit, now=case.now)
    return {"unit": say_unit(unit), "from": lead.unit_code if lead else None, "due_at": work_order.promised}


def _hand_on_supervision(session: Session, work_order: WorkOrder, unit: Unit, *, now: dt.datetime) -> None:
    """Let the unit that does the work now owe the answer that was demanded of the one before, by the same moment."""
    owed = (
        update(Supervision)
        .where(Supervision.work_order_id == work_order.id, Supervision.answered_at.is_(None))
        .values(unit=unit.code)
    )
    if session.scalars(owed.returning(Supervision.id)).one_or_none() is not None:
        session.add(Notice(unit=unit.code, work_order_id=work_order.id, level=0, kind=NoticeKind.SUPERVISED, at=now))


def add_part(
    session: Session,
    work_order: WorkOrder,
    unit: Unit,
    part: Part,
    explanation: dict[str, Any],
    *,
    city: City,
    now: dt.datetime,
    ruled: bool = False,
) -> Assignment:
    """Give a unit a part, with its time to sign."""
    assignment = Assignment(
        work_order_id=work_order.id,
        unit_id=unit.id,
        unit_code=unit.code,
        part=part,
        explanation=explanation,
        ruled=ruled,
        assigned_at=now,
    )
    assignment.unit = unit
    session.add(assignment)
    limit = sign_limit(work_order, city)
    clocks.start_clock(session, work_order, DeadlineKind.SIGN_FOR, limit, unit=unit.code, city=city, now=now)
    return assignment


def say_choice(case: Case, basis: str) -> dict[str, Any]:
    """Explain a unit that a person chose, with what was said before."""
    before = case.lead.explanation if case.lead else None
    return {"unit": case.asked.unit, "basis": basis, "by": case.by.signature, "note": case.asked.note, "before": before}


def lead_assignment(session: Session, work_order: WorkOrder) -> Assignment | None:
    """Give the present lead assignment of a work order with its unit."""
    return next((part for part in open_parts(session, work_order.id) if part.part is Part.LEAD), None)


def _send(
    session: Session, work_order: WorkOrder, unit: Unit, explanation: dict[str, Any], *, city: City, now: dt.datetime
) -> tuple[Assignment, Content]:
    item = work_order.item
    work_order.lead_unit = unit.code
    assignment = add_part(session, work_order, unit, Part.LEAD, explanation, city=city, now=now)
    running = clocks.running(session, work_order, DeadlineKind.HANDLING) if work_order.events > 1 else ()
    if not running:
        until = handling_due(item, urgent=work_order.urgent_at is not None, city=city, now=now)
        limit = Duration(item.handle_amount, item.handle_unit)
        clocks.start_clock(
            session, work_order, DeadlineKind.HANDLING, limit, unit=unit.code, city=city, now=now, until=until
        )
    if work_order.events > 1:
        clocks.meet(session, work_order, DeadlineKind.DISPATCH, now=now)
    return assignment, {"unit": say_unit(unit), "due_at": work_order.promised}
