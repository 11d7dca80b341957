"""A crew's queue: the open parts of its unit, urgent and due first, or nearest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, desc, literal, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload

from app.accounts.service import Person
from app.catalogue.city import City
from app.catalogue.models import Urgency
from app.dispatch.due import Due, due_of_parts
from app.dispatch.lists import in_area
from app.dispatch.models import IS, Assignment, Part
from app.geo.types import Point, away
from app.geo.types import near as within
from app.workorders.models import LIVE, WorkOrder

BY_CLOCK = (Urgency, dt.datetime.fromisoformat, UUID, UUID)
BY_DISTANCE = (float, UUID, UUID)
CIRCLES_M = (1_000.0, 10_000.0, None)
FAR_FUTURE = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Task:
    """A part of a work order that waits for a unit; ``mine`` where this person signed for it, ``clock`` runs for it."""

    work_order: WorkOrder
    assignment: Assignment
    mine: bool
    distance_m: float | None
    clock: Due | None = None


def crew_queue(
    session: Session,
    *,
    by: Person,
    city: City,
    limit: int,
    near: Point | None = None,
    after: Sequence[Any] | None = None,
) -> list[Task]:
    """Give at most ``limit`` open parts of the person's unit after the row that ``after`` describes (``place_of``).

    Lead parts are found by the work order's own index, in the order of the queue; co-parts, which are few, by theirs.
    The nearest are looked for in a growing circle, so that a unit with work all over the city need not measure it all.
    """
    found: list[Task] = []
    for radius in CIRCLES_M if near else (None,):
        found = [
            Task(order, task, task.signed_by == by.id, metres)
            for part in Part
            for order, task, metres in session.execute(
                _from(_parts(part, by, city, near, radius).limit(limit), after, near)
            )
        ]
        if len(found) >= limit:
            break
    return sorted(found, key=_rank)[:limit]


def add_clocks(session: Session, tasks: Sequence[Task], *, now: dt.datetime) -> list[Task]:
    """Give the tasks of a page with the clocks that run for them."""
    clocks = due_of_parts(session, [task.assignment for task in tasks], now=now)
    return [replace(task, clock=clocks.get(task.assignment.id)) for task in tasks]


def place_of(task: Task) -> tuple[object, ...]:
    """Give what a cursor keeps of a task."""
    order, last = task.work_order, (str(task.work_order.id), str(task.assignment.id))
    if task.distance_m is not None:
        return task.distance_m, *last
    return order.urgency.value, (order.due_at or FAR_FUTURE).isoformat(), *last


def _rank(task: Task) -> tuple[Any, ...]:
    order = task.work_order
    first: tuple[Any, ...] = (order.urgency is not Urgency.URGENT, order.due_at or FAR_FUTURE)
    return (*(first if task.distance_m is None else (task.distance_m,)), order.id, task.assignment.id)


def _parts(part: Part, by: Person, city: City, near: Point | None, radius_m: float | None) -> Select[Any]:
    distance: ColumnElement[Any] = away(WorkOrder.position, near) if near else literal(None)
    statement: Select[Any] = (
        select(WorkOrder, Assignment, distance.label("distance"))
        .join(Assignment, Assignment.work_order_id == WorkOrder.id)
        .where(IS[part], Assignment.ended_at.is_(None), Assignment.finished_at.is_(None))
        .where(LIVE, in_area(by, city))
        .options(joinedload(Assignment.unit), joinedload(WorkOrder.item))
    )
    if near and radius_m:
        # The index takes a little more than the circle; what counts is the distance by which the queue is ordered.
        statement = statement.where(within(WorkOrder.position, near, 1.02 * radius_m), distance <= radius_m)
    if by.all_units:
        return statement
    return statement.where((WorkOrder.lead_unit if part is Part.LEAD else Assignment.unit_code) == by.unit)


def _from(statement: Select[Any], after: Sequence[Any] | None, near: Point | None) -> Select[Any]:
    # "urgent" sorts behind "general"; nothing without a due time is open for long.
    first = away(WorkOrder.position, near) if near else WorkOrder.due_at
    order = (first, WorkOrder.id, Assignment.id)
    if after is not None:
        *urgency, moment, order_id, assignment_id = after
        later = tuple_(*order) > tuple_(literal(moment), literal(order_id), literal(assignment_id))
        same = [or_(WorkOrder.urgency < each, and_(WorkOrder.urgency == each, later)) for each in urgency]
        statement = statement.where(*(same or [later]))
    return statement.order_by(*(() if near else (desc(WorkOrder.urgency),)), *order)
