"""After the fix: back to the unit by a clock that it cannot end by itself, or accepted and closed."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app.catalogue.city import City
from app.dispatch.case import Case, Content
from app.dispatch.models import Notice, NoticeKind
from app.dispatch.service.assign import lead_assignment, say_unit
from app.workorders import clocks
from app.workorders.models import DeadlineKind, WorkOrder


def begin_again(session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime) -> Content:
    """Give the work back to the lead unit with a new rework clock: it was not fixed, or fixed badly.

    That clock pauses while the unit says that it is fixed, and is met only when it is accepted (``accept``).
    """
    clocks.stop(session, work_order, DeadlineKind.REWORK, now=now)
    lead = lead_assignment(session, work_order)
    unit = lead.unit_code if lead else work_order.lead_unit
    limit = city.limits.rework
    clocks.start_clock(session, work_order, DeadlineKind.REWORK, limit, unit=unit, city=city, now=now)
    if lead is not None:
        lead.finished_at = None
        session.add(Notice(unit=lead.unit_code, work_order_id=work_order.id, level=0, kind=NoticeKind.REWORK, at=now))
    return {"unit": say_unit(lead.unit) if lead else None, "due_at": work_order.promised}


def accept(session: Session, work_order: WorkOrder, *, now: dt.datetime) -> None:
    """Say that the work is accepted: a resident confirmed it, a check passed, or a supervisor closes it."""
    clocks.meet(session, work_order, DeadlineKind.REWORK, now=now)


def close(session: Session, case: Case) -> Content:
    """Close a fixed work order by a supervisor's word; ``outcome`` may say that it was not fixed."""
    accept(session, case.work_order, now=case.now)
    clocks.stop(session, case.work_order, *clocks.WORK, now=case.now)
    return {"unit": say_unit(case.lead.unit) if case.lead else None, "note": case.asked.note}


def reopen(session: Session, case: Case) -> Content:
    """Open it again by a supervisor's word."""
    return begin_again(session, case.work_order, city=case.city, now=case.now) | {"note": case.asked.note}
