"""Supervision (督办): a unit must answer to the dispatch centre of a level until a moment."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.service import SYSTEM
from app.catalogue.calendar import due
from app.catalogue.city import City
from app.dispatch.case import Case, Content
from app.dispatch.errors import NotSupervised, SupervisedAlready
from app.dispatch.escalation import read_centres
from app.dispatch.models import Notice, NoticeKind, Supervision
from app.dispatch.service.assign import say_unit
from app.dispatch.service.sign import part_of
from app.workorders import clocks, service
from app.workorders.lifecycle import Action, Need, find_move
from app.workorders.models import DeadlineKind, WorkOrder


def supervise(session: Session, case: Case) -> Content:
    """Demand an answer of the lead unit. Raises SupervisedAlready while one is due."""
    return _demand(session, case.work_order, case.asked.note, by=case.by.signature, city=case.city, now=case.now)


def supervise_by_itself(session: Session, work_order: WorkOrder, reason: str, *, city: City, now: dt.datetime) -> None:
    """Open a supervision because of what residents say; where one is open already, that one stands."""
    if open_supervision(session, work_order) is not None:
        return
    move = find_move(work_order.state, Action.SUPERVISE, SYSTEM.role, {Need.REASON})
    content = _demand(session, work_order, reason, by=SYSTEM.signature, city=city, now=now)
    service.take(session, work_order, move, by=SYSTEM, city=city, now=now, content=content)


def answer(session: Session, case: Case) -> Content:
    """Record the unit's answer; the clock of the supervision is met by it. Raises NotSupervised."""
    part = part_of(case)
    found = open_supervision(session, case.work_order)
    if found is None:
        raise NotSupervised
    found.answered_at, found.answered_by, found.answer = case.now, case.by.signature, case.asked.note
    clocks.meet(session, case.work_order, DeadlineKind.SUPERVISION, now=case.now)
    return {"unit": say_unit(part.unit), "reason": case.asked.note, "level": found.level}


def drop_supervision(session: Session, work_order: WorkOrder, *, by: str, now: dt.datetime) -> None:
    """End a supervision whose work order ends without the unit: it was declined, or merged."""
    found = open_supervision(session, work_order)
    if found is not None:
        found.answered_at, found.answered_by = now, by


def reopen_supervision(session: Session, supervision_id: UUID) -> None:
    """Let a supervision go on that was ended by a merge which is undone."""
    found = session.get_one(Supervision, supervision_id)
    found.answered_at = found.answered_by = None


def open_supervision(session: Session, work_order: WorkOrder) -> Supervision | None:
    """Give the supervision of a work order that waits for an answer."""
    statement = select(Supervision).where(Supervision.work_order_id == work_order.id, Supervision.answered_at.is_(None))
    return session.scalars(statement).one_or_none()


def _demand(session: Session, work_order: WorkOrder, reason: str, *, by: str, city: City, now: dt.datetime) -> Content:
    if open_supervision(session, work_order) is not None:
        raise SupervisedAlready
    before = session.scalar(
        select(func.count()).select_from(Supervision).where(Supervision.work_order_id == work_order.id)
    )
    centres = read_centres(session, [work_order.lead_unit], city=city).above(work_order)
    # Each further supervision of the same work order goes one level higher, as far as there are levels.
    centre = centres[min(before or 0, len(centres) - 1)] if centres else None
    level = centre.level if centre else "city"
    limit = city.limits.supervision_answer
    until = due(now, limit.amount, limit.unit, city)
    unit = work_order.lead_unit or ""
    session.add(
        Supervision(
            work_order_id=work_order.id,
            unit=unit,
            level=level,
            centre=centre.code if centre else None,
            reason=reason,
            opened_at=now,
            opened_by=by,
            due_at=until,
        )
    )
    clocks.start_clock(session, work_order, DeadlineKind.SUPERVISION, limit, unit=unit, city=city, now=now, until=until)
    for told in {unit, centre.code if centre else ""} - {""}:
        session.add(Notice(unit=told, work_order_id=work_order.id, level=0, kind=NoticeKind.SUPERVISED, at=now))
    return {"reason": reason, "level": level, "centre": centre.code if centre else None, "answer_by": until.isoformat()}
