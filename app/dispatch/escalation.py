"""What a breached clock does: record it, tell the unit, then the dispatch centre of each larger area, once a level.

``act_on_breaches`` is run each minute by any number of workers. A worker takes the work orders of the oldest breaches
by their row locks, skipping those that another has; the clocks are read again under the lock, and each level is a row
that is unique. Which centre is next is found by who has heard of the clock, and not by its level: after a hand-over the
new unit has other centres above it. So a breach is acted on once, also when a worker dies in between: its transaction
leaves nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import setbacks
from app.catalogue.calendar import due
from app.catalogue.city import DISPATCH_CENTRE, City
from app.catalogue.models import Unit
from app.dispatch.models import Notice, NoticeKind
from app.workorders.clocks import PROMISED
from app.workorders.models import Deadline, WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append

BATCH = 100
BREACH = "dispatch.breach"


@dataclass(frozen=True, slots=True)
class Centres:
    """The dispatch centres of a city, and the areas of the units that answer for some work orders; read once."""

    city: City
    all: Sequence[Unit]
    areas: Mapping[str, str]

    def above(self, work_order: WorkOrder, unit: str | None = None) -> list[Unit]:
        """Give the centres that hear of a work order, the smallest area first.

        Those of areas smaller than the responsible unit's own are left out, and the unit itself.
        """
        areas = [*work_order.areas, self.city.code]
        code = unit or work_order.lead_unit
        own = self.areas.get(code or "")
        if own in areas:
            areas = areas[areas.index(own) :]
        first = {centre.area_code: centre for centre in reversed(self.all) if centre.code != code}
        return [first[area] for area in areas if area in first]


def read_centres(session: Session, codes: Iterable[str | None], *, city: City) -> Centres:
    """Read what ``Centres.above`` needs for the units of these codes, in two statements."""
    centres = select(Unit).where(Unit.until.is_(None), Unit.role == DISPATCH_CENTRE).order_by(Unit.code)
    known = {code for code in codes if code}
    areas = select(Unit.code, Unit.area_code).where(Unit.until.is_(None), Unit.code.in_(known))
    return Centres(city, session.scalars(centres).all(), {row.code: row.area_code for row in session.execute(areas)})


def act_on_breaches(session: Session, *, city: City, now: dt.datetime, limit: int = BATCH) -> int:
    """Act on the oldest breaches, at most ``limit`` work orders of them; give how many clocks were looked at.

    Each work order has a savepoint of its own; one that cannot be acted on (a fault of ours) is put off.
    """
    taken = _take(session, now=now, limit=limit)
    if not taken:
        return 0
    codes = (code for order, clocks in taken for code in (order.lead_unit, *(clock.unit for clock in clocks)))
    centres = read_centres(session, codes, city=city)
    told = _read_told(session, (clock for _, clocks in taken for clock in clocks))

    def act(work_order: WorkOrder, deadlines: Sequence[Deadline]) -> None:
        for deadline in deadlines:
            above = centres.above(work_order, deadline.unit)
            left = [centre for centre in above if centre.code not in told[deadline.id]]
            _act(session, work_order, deadline, left, city=city, now=now)

    rows = {each[0].id: each for each in taken}
    setbacks.attempt_each(session, BREACH, rows, lambda row: act(*row), now=now)
    return sum(len(deadlines) for _, deadlines in taken)


def _take(session: Session, *, now: dt.datetime, limit: int) -> list[tuple[WorkOrder, Sequence[Deadline]]]:
    """Lock the work orders of the oldest breaches, then read their clocks as they are under the lock."""
    oldest = (
        select(Deadline.work_order_id)
        .where(Deadline.next_at <= now, ~setbacks.is_put_off(BREACH, Deadline.work_order_id, now=now))
        .order_by(Deadline.next_at)
        .limit(limit)
    )
    ids = list(dict.fromkeys(session.scalars(oldest)))
    locked = (
        select(WorkOrder)
        .where(WorkOrder.id.in_(ids))
        .order_by(WorkOrder.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    work_orders = {work_order.id: work_order for work_order in session.scalars(locked)}
    clocks = (
        select(Deadline)
        .where(Deadline.work_order_id.in_(work_orders), Deadline.next_at <= now)
        .order_by(Deadline.next_at, Deadline.id)
        .execution_options(populate_existing=True)
    )
    found: dict[WorkOrder, list[Deadline]] = {}
    for deadline in session.scalars(clocks):
        found.setdefault(work_orders[deadline.work_order_id], []).append(deadline)
    return list(found.items())


def _read_told(session: Session, deadlines: Iterable[Deadline]) -> dict[UUID, set[str]]:
    """Read which centres heard of each of these clocks, whichever unit had it then."""
    told: dict[UUID, set[str]] = defaultdict(set)
    escalated = [deadline.id for deadline in deadlines if deadline.level]
    if escalated:
        heard = select(Notice.deadline_id, Notice.unit).where(Notice.deadline_id.in_(escalated), Notice.level > 0)
        for row in session.execute(heard):
            told[row.deadline_id].add(row.unit)
    return told


def _act(
    session: Session,
    work_order: WorkOrder,
    deadline: Deadline,
    centres: Sequence[Unit],
    *,
    city: City,
    now: dt.datetime,
) -> None:
    """Record a breach, or its next level; ``centres`` are those that have not heard of it yet, the next one first."""
    is_new, before = deadline.breached_at is None, deadline.level
    # The clock is written before the history, whose lines are flushed one by one: once, and not with each of them.
    deadline.breached_at = deadline.breached_at or now
    deadline.level = before + bool(centres)
    deadline.next_at = next_look(work_order, city=city, now=now) if len(centres) > 1 else None
    if is_new:
        _tell(session, work_order, deadline, deadline.unit, level=0, now=now)
    if centres:
        _tell(session, work_order, deadline, centres[0].code, level=deadline.level, now=now)


def next_look(work_order: WorkOrder, *, city: City, now: dt.datetime) -> dt.datetime:
    """Compute when a breached clock is told to the next centre."""
    limit = city.limits.escalation if work_order.urgent_at is None else city.limits.escalation_urgent
    return due(now, limit.amount, limit.unit, city)


def _tell(
    session: Session, work_order: WorkOrder, deadline: Deadline, unit: str | None, *, level: int, now: dt.datetime
) -> None:
    """Record a level in the history, and in the inbox of the unit that it tells."""
    kind = EventKind.ESCALATED if level else EventKind.OVERDUE
    content = {"clock": deadline.kind.value, "due_at": deadline.due_at.isoformat(), "level": level, "told": unit}
    # What was promised to the resident is told to the resident too when it is broken.
    public = not level and deadline.kind in PROMISED
    append(session, work_order, kind, at=now, by="system", content=content, public=public)
    if unit:
        session.add(
            Notice(
                unit=unit,
                work_order_id=work_order.id,
                deadline_id=deadline.id,
                level=level,
                kind=NoticeKind.ESCALATED if level else NoticeKind.OVERDUE,
                clock=deadline.kind.value,
                at=now,
            )
        )
