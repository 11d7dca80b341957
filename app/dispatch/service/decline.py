"""What the city cannot do (不予受理, 办不成事): declined with a reason, and a register that supervisors review."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dispatch.case import Case, Content, find_at
from app.dispatch.errors import ReviewedBefore, UnknownReason
from app.dispatch.models import Decline, Verdict
from app.dispatch.service.assign import say_unit
from app.dispatch.service.dispute import open_dispute
from app.dispatch.service.supervise import drop_supervision
from app.dispatch.service.waiting import RECONSIDERED, start_dispatch_clock, wait_on
from app.geo.service import locate
from app.workorders import clocks
from app.workorders.models import WorkOrder


def decline(session: Session, case: Case) -> Content:
    """Decline a work order with one of the pack's reasons; its clocks stop, its dispute ends. Raises UnknownReason."""
    asked, reasons = case.asked, case.city.decline_reasons
    reason = case.city.decline_reason(asked.reason or "")
    if reason is None:
        raise UnknownReason(asked.reason, [each.code for each in reasons])
    words = asdict(reason)
    session.add(
        Decline(
            work_order_id=case.work_order.id,
            reason=reason.code,
            words=words,
            note=asked.note,
            decided_at=case.now,
            decided_by=case.by.signature,
        )
    )
    clocks.stop(session, case.work_order, now=case.now)
    dispute = open_dispute(session, case.work_order)
    if dispute is not None:
        dispute.ended_at = case.now
    drop_supervision(session, case.work_order, by=case.by.signature, now=case.now)
    for part in case.parts:
        part.ended_at = case.now
    unit = say_unit(case.lead.unit) if case.lead else None
    return {"unit": unit, "declined": words, "note": asked.note}


def uphold(session: Session, case: Case) -> Content:
    """Review a decline and let it stand."""
    _review(session, case, Verdict.UPHELD)
    return {"reason": case.asked.note}


def reconsider(session: Session, case: Case) -> Content:
    """Review a decline and take the work on after all: it awaits dispatch, by a clock of its own, and says why."""
    _review(session, case, Verdict.RECONSIDERED)
    work_order, city = case.work_order, case.city
    work_order.lead_unit, work_order.co_units, work_order.due_at = None, [], None
    start_dispatch_clock(session, work_order, city=city, now=case.now)
    limit = city.nearest_street_limit_m
    place = locate(session, work_order.position, work_order.accuracy_m, nearest_limit_m=limit)
    found = find_at(session, work_order.item, place, city=city, now=case.now)
    return {"note": case.asked.note} | wait_on(session, work_order, found, because=RECONSIDERED, city=city)


def last_decline(session: Session, work_order: WorkOrder) -> Decline:
    """Give the decline by which a work order ended."""
    statement = select(Decline).where(Decline.work_order_id == work_order.id).order_by(Decline.decided_at.desc())
    return session.scalars(statement.limit(1)).one()


def _review(session: Session, case: Case, verdict: Verdict) -> None:
    found = last_decline(session, case.work_order)
    if found.reviewed_at is not None and verdict is Verdict.UPHELD:
        raise ReviewedBefore
    found.reviewed_at, found.reviewed_by = case.now, case.by.signature
    found.verdict, found.review = verdict, case.asked.note
