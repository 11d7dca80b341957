"""A hold (挂起): reason, evidence and an end. It pauses the handling clock and nothing else."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app import setbacks
from app.accounts.service import SYSTEM
from app.catalogue.city import City
from app.dispatch.case import Case, Content
from app.dispatch.errors import UnusableEnd
from app.dispatch.models import Notice, NoticeKind
from app.dispatch.service.assign import lead_assignment, say_unit
from app.workorders import clocks, service
from app.workorders.lifecycle import Action, When, find_move
from app.workorders.models import DeadlineKind, WorkOrder
from app.workorders.states import State

LONGEST_HOLD = dt.timedelta(days=366)
RESUMED_AT_ONCE = 100
HOLD = "dispatch.hold"


def hold(session: Session, case: Case) -> Content:
    """Put a work order on hold until a moment within a year. Raises UnusableEnd."""
    until = case.asked.until
    if until is None or not case.now < until <= case.now + LONGEST_HOLD:
        raise UnusableEnd(LONGEST_HOLD)
    clocks.pause(session, case.work_order, DeadlineKind.HANDLING, city=case.city, now=case.now)
    case.work_order.hold_until = until
    unit = say_unit(case.lead.unit) if case.lead else None
    return {"unit": unit, "note": case.asked.note, "until": until.isoformat(), "reference": case.asked.reference}


def resume(session: Session, case: Case) -> Content:
    """End a hold before its time; the handling clock goes on with what was left."""
    return _go_on(session, case.work_order, city=case.city, now=case.now) | {"note": case.asked.note}


def resume_ended(session: Session, *, city: City, now: dt.datetime) -> int:
    """Resume what is past the end of its hold, oldest first; give how many were tried. Other workers' rows are skipped.

    Each has a savepoint of its own; one that cannot be resumed (a fault of ours) is put off.
    """
    statement = (
        select(WorkOrder)
        .where(WorkOrder.hold_until <= now, WorkOrder.state == State.ON_HOLD)
        .where(~setbacks.is_put_off(HOLD, WorkOrder.id, now=now))
        .options(joinedload(WorkOrder.item))
        .order_by(WorkOrder.hold_until)
        .limit(RESUMED_AT_ONCE)
        .with_for_update(of=WorkOrder, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    ended = {work_order.id: work_order for work_order in session.scalars(statement)}
    setbacks.attempt_each(session, HOLD, ended, lambda each: _resume_one(session, each, city=city, now=now), now=now)
    return len(ended)


def _resume_one(session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime) -> None:
    move = find_move(work_order.state, Action.RESUME, SYSTEM.role, facts={When.LEAD})
    content = _go_on(session, work_order, city=city, now=now)
    service.take(session, work_order, move, by=SYSTEM, city=city, now=now, content=content)
    if work_order.lead_unit:
        told, kind = work_order.lead_unit, NoticeKind.RESUMED
        session.add(Notice(unit=told, work_order_id=work_order.id, level=0, kind=kind, at=now))


def _go_on(session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime) -> Content:
    clocks.go_on(session, work_order, DeadlineKind.HANDLING, city=city, now=now)
    work_order.hold_until = None
    lead = lead_assignment(session, work_order)
    return {"unit": say_unit(lead.unit) if lead else None, "due_at": work_order.promised}
