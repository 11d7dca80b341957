"""Clocks of a work order: start, meet, stop, pause, go on. Due times are computed once, at the event.

All of these run under the lock of the work order's row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.catalogue.calendar import after, between, due
from app.catalogue.city import City
from app.catalogue.models import TimeUnit
from app.catalogue.values import Duration
from app.workorders.models import Deadline, DeadlineKind, WorkOrder

# What ends with the work order. An answer that a supervisor asked for is still due after it.
WORK = tuple(kind for kind in DeadlineKind if kind is not DeadlineKind.SUPERVISION)
# The clocks that the resident was promised: the work order shows the one that runs.
PROMISED = (DeadlineKind.HANDLING, DeadlineKind.REWORK)


def start_clock(
    session: Session,
    work_order: WorkOrder,
    kind: DeadlineKind,
    limit: Duration,
    *,
    unit: str | None,
    city: City,
    now: dt.datetime,
    until: dt.datetime | None = None,
) -> Deadline:
    """Start a clock that is due after ``limit``, or at ``until`` where it was computed before."""
    moment = until or due(now, limit.amount, limit.unit, city)
    deadline = Deadline(
        work_order_id=work_order.id,
        kind=kind,
        unit=unit,
        counts=limit.unit,
        starts_at=now,
        due_at=moment,
        next_at=moment,
        level=0,
    )
    session.add(deadline)
    if kind in PROMISED:
        work_order.due_at = moment
    return deadline


def minutes(amount: int) -> Duration:
    """Give a limit of minutes."""
    return Duration(amount, TimeUnit.MINUTES)


def running(session: Session, work_order: WorkOrder, *kinds: DeadlineKind) -> Sequence[Deadline]:
    """Give the clocks of a locked work order that run or are paused, of these kinds or of any, as they are now."""
    statement = select(Deadline).where(
        Deadline.work_order_id == work_order.id, Deadline.met_at.is_(None), Deadline.stopped_at.is_(None)
    )
    if kinds:
        statement = statement.where(Deadline.kind.in_(kinds))
    statement = statement.order_by(Deadline.starts_at, Deadline.id)
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def meet(
    session: Session, work_order: WorkOrder, *kinds: DeadlineKind, now: dt.datetime, unit: str | None = None
) -> None:
    """End clocks because what they were for is done; of one unit, where it is named."""
    _end(session, work_order, kinds, {"met_at": now, "next_at": None}, unit)


def stop(
    session: Session, work_order: WorkOrder, *kinds: DeadlineKind, now: dt.datetime, unit: str | None = None
) -> None:
    """End clocks that have no sense any more; of any kind where none is named."""
    _end(session, work_order, kinds or tuple(DeadlineKind), {"stopped_at": now, "next_at": None}, unit)


def _end(
    session: Session,
    work_order: WorkOrder,
    kinds: Sequence[DeadlineKind],
    values: dict[str, dt.datetime | None],
    unit: str | None,
) -> None:
    session.flush()
    statement = update(Deadline).where(
        Deadline.work_order_id == work_order.id,
        Deadline.kind.in_(kinds),
        Deadline.met_at.is_(None),
        Deadline.stopped_at.is_(None),
    )
    if unit is not None:
        statement = statement.where(Deadline.unit == unit)
    session.execute(statement.values(values), execution_options={"synchronize_session": "fetch"})


def restart(session: Session, looks: Mapping[UUID, dt.datetime | None]) -> None:
    """Let clocks that were stopped go on as they were: ``looks`` says for each when it is to be looked at next."""
    for deadline in session.scalars(select(Deadline).where(Deadline.id.in_(looks))):
        deadline.stopped_at, deadline.next_at = None, looks[deadline.id]


def hand_on(session: Session, work_order: WorkOrder, kind: DeadlineKind, *, unit: str, look_at: dt.datetime) -> None:
    """Give a running clock to another unit: it does not start anew.

    One that was escalated as far as it went is looked at again at ``look_at``: others stand above the new unit.
    """
    for deadline in running(session, work_order, kind):
        deadline.unit = unit
        if deadline.breached_at is not None and deadline.next_at is None:
            deadline.next_at = look_at


def pause(session: Session, work_order: WorkOrder, kind: DeadlineKind, *, city: City, now: dt.datetime) -> None:
    """Pause a clock: what is left of its time is kept. A clock that is overdue stays so and is not paused."""
    for deadline in running(session, work_order, kind):
        if deadline.paused_at is None and deadline.due_at > now:
            left = between(now, deadline.due_at, deadline.counts, city)
            deadline.paused_at, deadline.left_s, deadline.next_at = now, left.total_seconds(), None


def go_on(session: Session, work_order: WorkOrder, kind: DeadlineKind, *, city: City, now: dt.datetime) -> None:
    """Let a paused clock go on with what was left of its time."""
    for deadline in running(session, work_order, kind):
        if deadline.paused_at is not None:
            left = dt.timedelta(seconds=deadline.left_s or 0)
            deadline.due_at = deadline.next_at = after(now, left, deadline.counts, city)
            deadline.paused_at = deadline.left_s = None
            work_order.due_at = deadline.due_at if kind in PROMISED else work_order.due_at
