"""After the fix: back to the unit by a clock that it cannot end by itself, or accepted and closed."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app.catalogue.city import City
from app.dispatch.case import Case, Content
from app.dispatch.models import Assignment, Notice, NoticeKind, Part
from app.dispatch.queries import open_parts
from app.dispatch.service.assign import say_unit
from app.dispatch.service.rehome import replace_gone_unit
from app.workorders import clocks
from app.workorders.models import DeadlineKind, WorkOrder


def begin_again(
    session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime, unit: str | None = None
) -> Content:
    """Give the work back to the lead unit, or to the one that is named, with a new rework clock: it was done badly.

    That clock pauses while the unit says that it is fixed, and is met only when it is accepted (``accept``).
    """
    clocks.stop(session, work_order, DeadlineKind.REWORK, now=now)
    parts = open_parts(session, work_order.id)
    part = next((each for each in parts if (each.unit_code == unit if unit else each.part is Part.LEAD)), None)
    part = replace_gone_unit(session, work_order, part, city=city, now=now) if part else None
    whose = part.unit_code if part else work_order.lead_unit
    limit = city.limits.rework
    clocks.start_clock(session, work_order, DeadlineKind.REWORK, limit, unit=whose, city=city, now=now)
    if part is not None:
        take_back(session, part, now=now)
    return {"unit": say_unit(part.unit) if part else None, "due_at": work_order.promised}


def take_back(session: Session, part: Assignment, *, now: dt.datetime) -> None:
    """Say that a part is not finished after all, and tell its unit."""
    part.finished_at = None
    session.add(Notice(unit=part.unit_code, work_order_id=part.work_order_id, level=0, kind=NoticeKind.REWORK, at=now))


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
