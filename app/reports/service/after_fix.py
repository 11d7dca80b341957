"""After the fix: a reporter confirms, objects or rates; silence closes; a sample is checked first.

One "not fixed" with a photo or a reason by any reporter reopens, whatever the others say. A confirmation closes after
a day in which nobody objects. A rating of 1 or 2, or a check that fails, opens rework; a second one, for a later repair
of the same problem, opens supervision. What came back is closed by a person and never by silence.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from app import setbacks
from app.accounts.roles import Role
from app.accounts.service import SYSTEM, Person
from app.catalogue.city import City, current_city
from app.dispatch.case import Content
from app.dispatch.service.again import accept, begin_again
from app.dispatch.service.supervise import supervise_by_itself
from app.fieldwork.service import Brought
from app.reports.errors import NoSuchReport, NoSuchSpotCheck, NothingToRate, TooLateToAnswer
from app.reports.models import CheckKind, Rating, Report, ReportLink, SampleReason, SpotCheck
from app.reports.queries import POOR, has_confirmed
from app.workorders import clocks, service
from app.workorders.lifecycle import Action, Move, Need, When, find_move
from app.workorders.models import Evidence, WorkOrder
from app.workorders.states import EventKind, State
from app.workorders.timeline import append

OBJECTING = dt.timedelta(days=1)
POOR_SHARE = 0.2
LOOKED_BACK = dt.timedelta(days=90)
CLOSED_AT_ONCE = 100
SILENCE = "reports.close_silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A rating: each from 1 to 5."""

    overall: int
    speed: int | None = None
    attitude: int | None = None
    result: int | None = None
    comment: str = ""


def confirm(session: Session, report: Report, *, now: dt.datetime) -> WorkOrder:
    """Say that it is fixed: it closes after a day in which no other reporter objects. Said again, it changes nothing.

    Raises IllegalMove.
    """
    city, work_order, by = _lock(session, report, now)
    move = find_move(work_order.state, Action.CONFIRM, by.role)
    if has_confirmed(session, report.id, work_order):
        return work_order
    _confirmed(session, work_order, now=now)
    service.take(session, work_order, move, by=by, city=city, now=now, content=_own(report))
    return work_order


def object_to(session: Session, report: Report, *, reason: str, brought: Brought, now: dt.datetime) -> WorkOrder:
    """Say that it is not fixed, with a photo or a reason: that reopens it at once.

    Raises IllegalMove, MissingNeeds, or TooLateToAnswer when it closed longer ago than the pack's ``rating_days``.
    """
    city, work_order, by = _lock(session, report, now)
    photos = brought.record(session, now=now)
    grounds = {Need.GROUNDS} if reason or photos else set()
    move = find_move(work_order.state, Action.OBJECT, by.role, grounds)
    content = _own(report) | begin_again(session, work_order, city=city, now=now)
    # Words and photos of one reporter are for staff: the other reporters hear that it is worked on again.
    content |= {"reason": reason, "own_photos": [str(photo.id) for photo in photos]}
    event = service.take(session, work_order, move, by=by, city=city, now=now, content=content)
    for photo in photos:
        session.add(Evidence(event_id=event.id, photo_id=photo.id, work_order_id=work_order.id, after=False))
    return work_order


def rate(session: Session, report: Report, said: Said, *, now: dt.datetime) -> WorkOrder:
    """Rate a repair; 3 and more confirm it, 1 and 2 open rework, and the second time supervision.

    While it is being worked on again a rating counts for the repair before. Raises NothingToRate before the first
    repair, TooLateToAnswer, IllegalMove.
    """
    city, work_order, by = _lock(session, report, now)
    if work_order.state is State.MERGED or not (work_order.fixed_at or work_order.rounds):
        raise NothingToRate
    bad = said.overall <= POOR
    move = find_move(work_order.state, Action.RATE, by.role, facts={When.BAD if bad else When.GOOD})
    again = move.target is State.IN_PROGRESS and move.target is not move.source
    of_round = work_order.rounds if work_order.fixed_at else work_order.rounds - 1
    _keep(session, report, work_order, said, of_round, now=now)
    content = _own(report) | {"overall": said.overall}
    if again:
        _rework(session, work_order, move, content, city=city, by=by, now=now)
        return work_order
    if work_order.state is State.FIXED:
        _confirmed(session, work_order, now=now)
    service.take(session, work_order, move, by=by, city=city, now=now, content=content)
    return work_order


def check(
    session: Session, check_id: UUID, *, kind: CheckKind, passed: bool, note: str, by: Person, now: dt.datetime
) -> SpotCheck:
    """Record what a call or a visit found: it closes after a day, or goes back to the unit.

    Raises NoSuchSpotCheck, NoSuchWorkOrder outside the person's scope, IllegalMove, NotYourMove, MissingNeeds.
    """
    city = current_city(session)
    found = session.get(SpotCheck, check_id, options=[joinedload(SpotCheck.work_order)])
    if found is None:
        raise NoSuchSpotCheck
    work_order = service.lock_work_order(session, found.work_order.public_id, by=by, city=city)
    session.refresh(found, ["done_at"])
    if found.done_at is not None or found.round != work_order.rounds:
        raise NoSuchSpotCheck
    brought = {Need.NOTE} if note else set()
    facts = {When.GOOD if passed else When.BAD}
    move = find_move(work_order.state, Action.CHECK, by.role, brought, facts)
    found.done_at, found.done_by, found.kind, found.passed, found.note = now, by.signature, kind, passed, note
    content: Content = {"reason": note, "check": kind.value}
    if passed:
        _confirmed(session, work_order, now=now)
        service.take(session, work_order, move, by=by, city=city, now=now, content=content)
    else:
        _rework(session, work_order, move, content, city=city, by=by, now=now)
    return found


def sample(session: Session, work_order_id: UUID, round_number: int, *, now: dt.datetime) -> SpotCheck | None:
    """Decide whether a repair is checked before it closes: a share by chance, and all that came back.

    The share of a unit whose repairs of the last 90 days were rated 1 or 2 in a fifth of the cases or more is the
    pack's higher one. The chance is drawn from the work order's id, so that asking twice gives the same answer.
    """
    city = current_city(session)
    work_order = session.get_one(WorkOrder, work_order_id, with_for_update=True, populate_existing=True)
    if work_order.state is not State.FIXED or work_order.rounds != round_number:
        return None
    reason = SampleReason.REWORK if work_order.rounds else SampleReason.SAMPLE
    share = 1.0 if work_order.rounds else _share(session, work_order.lead_unit, city, now)
    if _draw(work_order_id, round_number) >= share:
        return None
    values = {"work_order_id": work_order_id, "round": round_number, "unit": work_order.lead_unit, "reason": reason}
    statement = insert(SpotCheck).values(**values, at=now).on_conflict_do_nothing().returning(SpotCheck)
    made = session.scalars(statement).one_or_none()
    if made is not None:
        work_order.close_at = None
    return made


def close_silent(session: Session, *, city: City, now: dt.datetime) -> int:
    """Close what was confirmed a day ago or met silence for the pack's days; give how many were tried, 100 at most.

    Each is closed in a savepoint of its own; one that cannot be (a fault of ours) is put off.
    """
    statement = (
        select(WorkOrder)
        .where(WorkOrder.close_at <= now, WorkOrder.state == State.FIXED)
        .where(~setbacks.is_put_off(SILENCE, WorkOrder.id, now=now))
        .order_by(WorkOrder.close_at)
        .limit(CLOSED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    quiet = {work_order.id: work_order for work_order in session.scalars(statement)}

    def close(work_order: WorkOrder) -> None:
        move = find_move(work_order.state, Action.CLOSE, SYSTEM.role)
        clocks.stop(session, work_order, *clocks.WORK, now=now)
        service.take(session, work_order, move, by=SYSTEM, city=city, now=now, content={})

    setbacks.attempt_each(session, SILENCE, quiet, close, now=now)
    return len(quiet)


def _lock(session: Session, report: Report, now: dt.datetime) -> tuple[City, WorkOrder, Person]:
    """Lock the work order of a report for its reporter. Raises TooLateToAnswer long after it closed."""
    city = current_city(session)
    linked = select(WorkOrder).join(ReportLink, ReportLink.work_order_id == WorkOrder.id)
    found = service.lock_all(session, linked.where(ReportLink.report_id == report.id))
    work_order = next(iter(found), None)
    if work_order is None:
        raise NoSuchReport
    days = city.limits.rating_days
    if work_order.closed_at is not None and now > work_order.closed_at + dt.timedelta(days=days):
        raise TooLateToAnswer(days)
    return city, work_order, Person(report.id, "", Role.REPORTER, None, None)


def _own(report: Report) -> Content:
    return {"report": str(report.id), "number": report.number}


def _confirmed(session: Session, work_order: WorkOrder, *, now: dt.datetime) -> None:
    """Accept a repair, and let it close a day later; one whose check is still open waits for that."""
    accept(session, work_order, now=now)
    pending = select(SpotCheck.id).where(
        SpotCheck.work_order_id == work_order.id, SpotCheck.round == work_order.rounds, SpotCheck.done_at.is_(None)
    )
    if session.scalar(pending) is None:
        soon = now + OBJECTING
        work_order.close_at = min(work_order.close_at, soon) if work_order.close_at else soon


def _rework(
    session: Session, work_order: WorkOrder, move: Move, content: Content, *, city: City, by: Person, now: dt.datetime
) -> None:
    """Send a bad repair back, with supervision where an earlier one was found bad too."""
    second = _was_bad_before(session, work_order)
    told = begin_again(session, work_order, city=city, now=now)
    if by.role is Role.REPORTER:
        append(session, work_order, EventKind.RATED, at=now, by=by.signature, content=content, public=False)
    else:
        told |= content
    service.take(session, work_order, move, by=by, city=city, now=now, content=told)
    if second:
        reason = "A second repair of the same problem was found bad, by a rating or by a check."
        supervise_by_itself(session, work_order, reason, city=city, now=now)


def _was_bad_before(session: Session, work_order: WorkOrder) -> bool:
    """Tell whether a repair before the present one was rated 1 or 2 or failed a check; an objection is neither."""
    rated = select(Rating.round).where(Rating.work_order_id == work_order.id, Rating.overall <= POOR)
    failed = select(SpotCheck.round).where(SpotCheck.work_order_id == work_order.id, SpotCheck.passed.is_(False))
    earlier = union_all(
        rated.where(Rating.round < work_order.rounds), failed.where(SpotCheck.round < work_order.rounds)
    )
    return session.execute(earlier.limit(1)).first() is not None


def _keep(
    session: Session, report: Report, work_order: WorkOrder, said: Said, of_round: int, *, now: dt.datetime
) -> None:
    values = {
        "overall": said.overall,
        "speed": said.speed,
        "attitude": said.attitude,
        "result": said.result,
        "comment": said.comment,
        "unit": work_order.lead_unit,
        "at": now,
    }
    statement = insert(Rating).values(report_id=report.id, round=of_round, work_order_id=work_order.id, **values)
    session.execute(
        statement.on_conflict_do_update(index_elements=["report_id", "round", "work_order_id"], set_=values)
    )


def _share(session: Session, unit: str | None, city: City, now: dt.datetime) -> float:
    counted = select(func.count(), func.count().filter(Rating.overall <= POOR)).where(
        Rating.unit == unit, Rating.at > now - LOOKED_BACK
    )
    ratings, poor = session.execute(counted).one()
    often = ratings > 0 and poor / ratings >= POOR_SHARE
    return city.limits.call_back_share_poor if often else city.limits.call_back_share


def _draw(work_order_id: UUID, round_number: int) -> float:
    digest = hashlib.sha256(f"{work_order_id} {round_number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
