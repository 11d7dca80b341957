"""Verbs of dispatch: assign a unit with its clocks, sign for it, finish it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.accounts.service import Person
from app.catalogue.calendar import due
from app.catalogue.city import City
from app.catalogue.models import TimeUnit, Unit, Urgency
from app.dispatch.models import LEAD, Assignment, Part
from app.dispatch.resolve import Resolution
from app.workorders import service as workorders
from app.workorders.lifecycle import Action
from app.workorders.models import DeadlineKind, WorkOrder


def say_unit(unit: Unit) -> dict[str, str]:
    """Name a unit in the form that history and answers carry."""
    return {"code": unit.code, "name_zh": unit.name_zh, "name_en": unit.name_en}


def assign(
    session: Session, work_order: WorkOrder, resolution: Resolution, *, by: Person, city: City, now: dt.datetime
) -> Assignment:
    """Dispatch a work order that awaits it: assignment with its explanation, clocks, history."""
    unit, item = resolution.unit, work_order.item
    assignment = Assignment(
        work_order_id=work_order.id,
        unit_id=unit.id,
        part=Part.LEAD,
        explanation=resolution.explanation,
        assigned_at=now,
    )
    assignment.unit = unit
    session.add(assignment)
    work_order.lead_unit = unit.code
    handling_due = due(now, item.handle_amount, item.handle_unit, city)
    workorders.start_deadline(session, work_order, DeadlineKind.HANDLING, unit=unit.code, starts=now, due=handling_due)
    limits = city.limits
    minutes = limits.sign_for_urgent_minutes if work_order.urgency is Urgency.URGENT else limits.sign_for_minutes
    sign_due = due(now, minutes, TimeUnit.MINUTES, city)
    workorders.start_deadline(session, work_order, DeadlineKind.SIGN_FOR, unit=unit.code, starts=now, due=sign_due)
    content: dict[str, Any] = {"unit": say_unit(unit), "due_at": handling_due.isoformat()}
    workorders.advance(session, work_order, Action.DISPATCH, by=by, now=now, content=content)
    return assignment


def lead_assignment(session: Session, work_order: WorkOrder) -> Assignment | None:
    """Give the present lead assignment of a work order with its unit."""
    statement = (
        select(Assignment)
        .where(Assignment.work_order_id == work_order.id, LEAD, Assignment.ended_at.is_(None))
        .options(joinedload(Assignment.unit))
    )
    return session.scalars(statement).one_or_none()


def sign_for(session: Session, work_order: WorkOrder, *, by: Person, now: dt.datetime) -> dict[str, Any]:
    """Record that the lead unit signed for it; give what history says of it."""
    assignment = _lead(session, work_order)
    assignment.signed_at, assignment.signed_by = now, by.id
    workorders.meet_deadline(session, work_order, DeadlineKind.SIGN_FOR, now=now)
    return {"unit": say_unit(assignment.unit)}


def finish(session: Session, work_order: WorkOrder, *, now: dt.datetime) -> dict[str, Any]:
    """Record that the lead unit finished; give what history says of it."""
    assignment = _lead(session, work_order)
    assignment.finished_at = now
    workorders.meet_deadline(session, work_order, DeadlineKind.HANDLING, now=now)
    return {"unit": say_unit(assignment.unit)}


def _lead(session: Session, work_order: WorkOrder) -> Assignment:
    assignment = lead_assignment(session, work_order)
    if assignment is None:
        message = f"work order {work_order.public_id} is past dispatch and has no lead"
        raise RuntimeError(message)
    return assignment
