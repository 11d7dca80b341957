"""A crew's queue: the open parts of its unit, urgent and due first, or nearest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, desc, literal, or_, select, tuple_
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.accounts.service import Person
from app.catalogue.city import City
from app.catalogue.models import Urgency
from app.dispatch.lists import in_area
from app.dispatch.models import Assignment
from app.geo.types import Point, metres
from app.workorders.models import LIVE, WorkOrder

BY_CLOCK = (Urgency, dt.datetime.fromisoformat, UUID)
BY_DISTANCE = (float, UUID)
FAR_FUTURE = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Task:
    """A part of a work order that waits for a unit; ``mine`` where this person signed for it."""

    work_order: WorkOrder
    assignment: Assignment
    mine: bool
    distance_m: float | None


def crew_queue(
    session: Session,
    *,
    by: Person,
    city: City,
    limit: int,
    near: Point | None = None,
    after: Sequence[Any] | None = None,
) -> list[Task]:
    """Give at most ``limit`` open parts of the person's unit after the row that ``after`` describes (``place_of``)."""
    distance: ColumnElement[Any] = metres(WorkOrder.position, near) if near else literal(None)
    statement: Select[Any] = (
        select(Assignment, WorkOrder, distance)
        .join(WorkOrder, WorkOrder.id == Assignment.work_order_id)
        .join(WorkOrder.item)
        .where(Assignment.ended_at.is_(None), Assignment.finished_at.is_(None), LIVE, in_area(by, city))
        .options(joinedload(Assignment.unit), contains_eager(WorkOrder.item))
        .limit(limit)
    )
    if not by.all_units:
        statement = statement.where(Assignment.unit_code == by.unit)
    statement = _by_distance(statement, distance, after) if near else _by_clock(statement, after)
    rows = session.execute(statement).all()
    return [Task(row[1], row[0], row[0].signed_by == by.id, row[2]) for row in rows]


def place_of(task: Task) -> tuple[object, ...]:
    """Give what a cursor keeps of a task."""
    if task.distance_m is not None:
        return task.distance_m, str(task.assignment.id)
    order = task.work_order
    return order.urgency.value, (order.due_at or FAR_FUTURE).isoformat(), str(task.assignment.id)


def _by_clock(statement: Select[Any], after: Sequence[Any] | None) -> Select[Any]:
    # "urgent" sorts behind "general"; nothing without a due time is open for long.
    due = WorkOrder.due_at
    if after is not None:
        urgency, moment, last = after
        later = tuple_(due, Assignment.id) > tuple_(literal(moment), literal(last))
        statement = statement.where(or_(WorkOrder.urgency < urgency, and_(WorkOrder.urgency == urgency, later)))
    return statement.order_by(desc(WorkOrder.urgency), due, Assignment.id)


def _by_distance(statement: Select[Any], distance: ColumnElement[Any], after: Sequence[Any] | None) -> Select[Any]:
    if after is not None:
        far, last = after
        statement = statement.where(tuple_(distance, Assignment.id) > tuple_(literal(far), literal(last)))
    return statement.order_by(distance, Assignment.id)
