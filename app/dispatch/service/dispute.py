"""A unit refuses, an adjudicator rules; until then the first unit keeps the duty to make the place safe (首办)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dispatch.case import Case, Content
from app.dispatch.errors import RefusedBefore, TooLateToRefuse
from app.dispatch.models import Dispute, Notice, NoticeKind
from app.dispatch.queries import owning_unit
from app.dispatch.responsibilities import publish_rule
from app.dispatch.service.assign import get_unit, hand_over, say_choice, say_unit, sign_limit
from app.dispatch.service.sign import part_of
from app.workorders import clocks
from app.workorders.models import DeadlineKind, WorkOrder


def refuse(session: Session, case: Case) -> Content:
    """Open a dispute: once per unit, inside its time to sign, never after a ruling.

    Raises RefusedBefore or TooLateToRefuse.
    """
    part, work_order = part_of(case), case.work_order
    if part.ruled or _disputes(session, work_order, part.unit_code):
        raise RefusedBefore
    signing = clocks.running(session, work_order, DeadlineKind.SIGN_FOR)
    if any(each.due_at < case.now for each in signing if each.unit == part.unit_code):
        raise TooLateToRefuse
    asked = case.asked
    session.add(
        Dispute(
            work_order_id=work_order.id,
            unit=part.unit_code,
            reason=asked.note,
            reference=asked.reference,
            opened_at=case.now,
            opened_by=case.by.signature,
        )
    )
    clocks.meet(session, work_order, DeadlineKind.SIGN_FOR, now=case.now, unit=part.unit_code)
    limit = case.city.limits.adjudication
    clocks.start_clock(session, work_order, DeadlineKind.ADJUDICATION, limit, unit=None, city=case.city, now=case.now)
    return {"unit": say_unit(part.unit), "reason": asked.note, "reference": asked.reference}


def rule(session: Session, case: Case) -> Content:
    """Rule on the open dispute: which unit it is, why, and if so asked as a rule for the future too.

    The unit signs for it within its time and cannot refuse it again; a ruling that confirms the first unit counts too.
    """
    unit, asked, lead = get_unit(session, case.asked.unit), case.asked, case.lead
    dispute = open_dispute(session, case.work_order)
    if dispute is not None:
        dispute.ended_at, dispute.ruled_by = case.now, case.by.signature
        dispute.ruled_unit, dispute.ruling = unit.code, asked.note
        # Whom the ruling frees does not see the work order any more, and hears of it all the same.
        session.add(
            Notice(unit=dispute.unit, work_order_id=case.work_order.id, level=0, kind=NoticeKind.RULED, at=case.now)
        )
    clocks.meet(session, case.work_order, DeadlineKind.ADJUDICATION, now=case.now)
    if lead is not None and lead.unit_code == unit.code:
        lead.ruled = True
        limit = sign_limit(case.work_order, case.city)
        clocks.start_clock(
            session, case.work_order, DeadlineKind.SIGN_FOR, limit, unit=unit.code, city=case.city, now=case.now
        )
        content: Content = {"unit": say_unit(unit), "from": unit.code}
    else:
        content = hand_over(session, case, unit, say_choice(case, "ruling"), ruled=True)
    if asked.make_rule:
        made = publish_rule(
            session,
            item=case.work_order.item_code,
            area=case.work_order.street,
            asset_owner=owning_unit(session, case.work_order.asset_id),
            unit=unit.code,
            note=asked.note,
            by=case.by,
            now=case.now,
        )
        content["rule"] = str(made.id)
        if dispute is not None:
            dispute.rule_id = made.id
    return content | {"reason": asked.note}


def secure(_session: Session, case: Case) -> Content:
    """Record that the first unit made the place safe while the dispute goes on."""
    part = part_of(case)
    return {"unit": say_unit(part.unit), "note": case.asked.note}


def open_dispute(session: Session, work_order: WorkOrder) -> Dispute | None:
    """Give the dispute of a work order that waits for its ruling."""
    statement = select(Dispute).where(Dispute.work_order_id == work_order.id, Dispute.ended_at.is_(None))
    return session.scalars(statement).one_or_none()


def _disputes(session: Session, work_order: WorkOrder, unit: str) -> bool:
    statement = select(Dispute.id).where(Dispute.work_order_id == work_order.id, Dispute.unit == unit)
    return session.scalar(statement) is not None
