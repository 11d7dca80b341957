"""Sign for a part of a work order, and finish it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.dispatch.case import Case, Content
from app.dispatch.errors import AlreadyDone, NotYourPart, SignFirst
from app.dispatch.models import Assignment
from app.dispatch.service.assign import say_unit
from app.workorders import clocks
from app.workorders.lifecycle import When
from app.workorders.models import DeadlineKind


def part_of(case: Case) -> Assignment:
    """Give the part that the step is about. Raises NotYourPart where the person's unit has none."""
    if case.mine is None:
        raise NotYourPart
    return case.mine


def sign_for(session: Session, case: Case) -> Content:
    """Record that a unit signed for its part."""
    part = part_of(case)
    if part.signed_at is not None:
        raise AlreadyDone("Your unit has signed for it already.")
    part.signed_at, part.signed_by = case.now, case.by.id
    clocks.meet(session, case.work_order, DeadlineKind.SIGN_FOR, now=case.now, unit=part.unit_code)
    return {"unit": say_unit(part.unit)}


def finish(session: Session, case: Case) -> Content:
    """Record that a unit finished its part; the last one stops the clocks of the work."""
    part = part_of(case)
    if part.signed_at is None:
        raise SignFirst
    if part.finished_at is not None:
        raise AlreadyDone("Your unit has finished its part already; the work order waits for the others.")
    part.finished_at = case.now
    if When.LAST in case.facts:
        all_done(session, case)
    return {"unit": say_unit(part.unit), "note": case.asked.note}


def all_done(session: Session, case: Case) -> None:
    """Stop the clocks of the work. The rework clock only pauses: it ends when a resident or the desk accepts it."""
    clocks.meet(session, case.work_order, DeadlineKind.HANDLING, now=case.now)
    if case.work_order.rounds:  # before the first complaint there is none
        clocks.pause(session, case.work_order, DeadlineKind.REWORK, city=case.city, now=case.now)
