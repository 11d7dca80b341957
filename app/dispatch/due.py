"""Which clock a line of a list waits by: of a work order by its state, of a unit's part by what the unit has done."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dispatch.models import Assignment
from app.workorders.clocks import PROMISED
from app.workorders.models import Deadline, DeadlineKind, WorkOrder
from app.workorders.states import State

_KINDS: Mapping[State, Sequence[DeadlineKind]] = {
    State.AWAITING_DISPATCH: (DeadlineKind.DISPATCH,),
    State.DISPATCHED: (DeadlineKind.SIGN_FOR,),
    State.DISPUTED: (DeadlineKind.ADJUDICATION,),
    State.IN_PROGRESS: PROMISED,
    State.ON_HOLD: PROMISED,
}


@dataclass(frozen=True, slots=True)
class Due:
    """A clock that runs: what for, until when, and whether that is past."""

    kind: DeadlineKind
    due_at: dt.datetime
    overdue: bool


def due_of_states(session: Session, work_orders: Sequence[WorkOrder], *, now: dt.datetime) -> dict[UUID, Due]:
    """Give the clock that each work order waits by in its state; nothing where none runs: held, fixed, ended."""
    clocks = _running(session, [each.id for each in work_orders])
    found = {
        each.id: _first(clocks[each.id], _KINDS.get(each.state, ()), each.lead_unit, now=now) for each in work_orders
    }
    return {key: due for key, due in found.items() if due is not None}


def due_of_parts(session: Session, parts: Sequence[Assignment], *, now: dt.datetime) -> dict[UUID, Due]:
    """Give the clock of each part: the unit's time to sign until it has signed, then that of the work."""
    clocks = _running(session, [part.work_order_id for part in parts])
    found = {
        part.id: _first(
            clocks[part.work_order_id],
            PROMISED if part.signed_at else (DeadlineKind.SIGN_FOR, *PROMISED),
            part.unit_code,
            now=now,
        )
        for part in parts
    }
    return {key: due for key, due in found.items() if due is not None}


def _running(session: Session, work_order_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Deadline]]:
    """Read the clocks that run: a paused one has no end until it goes on."""
    statement = (
        select(Deadline)
        .where(Deadline.work_order_id.in_(work_order_ids), Deadline.met_at.is_(None))
        .where(Deadline.stopped_at.is_(None), Deadline.paused_at.is_(None))
        .order_by(Deadline.starts_at, Deadline.id)
    )
    found: dict[UUID, list[Deadline]] = defaultdict(list)
    for deadline in session.scalars(statement) if work_order_ids else ():
        found[deadline.work_order_id].append(deadline)
    return found


def _first(
    clocks: Sequence[Deadline], kinds: Sequence[DeadlineKind], unit: str | None, *, now: dt.datetime
) -> Due | None:
    """Choose the clock of the first of these kinds; each unit has its own time to sign."""
    fitting = [
        clock
        for kind in kinds
        for clock in clocks
        if clock.kind is kind and (kind is not DeadlineKind.SIGN_FOR or clock.unit == unit)
    ]
    return next((Due(clock.kind, clock.due_at, clock.due_at < now) for clock in fitting), None)
