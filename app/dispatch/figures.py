"""Figures of dispatch, computed from the history and never from a column that somebody sets."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.accounts.service import Person
from app.catalogue.city import City
from app.dispatch.lists import in_scope
from app.workorders.models import TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.states import EventKind

# A change of item or position that led to another unit is told as a transfer too.
ASTRAY = (EventKind.REFUSED, EventKind.TRANSFERRED, EventKind.RULED)


@dataclass(frozen=True, slots=True)
class FirstDispatch:
    """How many work orders were dispatched first to a unit, and how many of them stayed there."""

    unit: str
    dispatched: int
    stayed: int

    @property
    def share(self) -> float | None:
        """Give the share that was never refused, transferred or ruled away; None of nothing."""
        return self.stayed / self.dispatched if self.dispatched else None


def first_dispatch_success(
    session: Session, *, since: dt.datetime, until: dt.datetime, by: Person, city: City
) -> list[FirstDispatch]:
    """Count, by the unit of the first dispatch within a period, what was never refused, transferred or ruled away."""
    later = aliased(TimelineEvent)
    unit = TimelinePayload.content["unit"]["code"].astext
    astray = exists().where(
        later.work_order_id == TimelineEvent.work_order_id,
        later.number > TimelineEvent.number,
        later.kind.in_(ASTRAY),
    )
    earlier = aliased(TimelineEvent)
    before = exists().where(
        earlier.work_order_id == TimelineEvent.work_order_id,
        earlier.number < TimelineEvent.number,
        earlier.kind == EventKind.DISPATCHED,
    )
    statement = (
        select(unit, func.count(), func.count().filter(~astray))
        .select_from(TimelineEvent)
        .join(TimelinePayload, TimelinePayload.event_id == TimelineEvent.id)
        .join(WorkOrder, and_(WorkOrder.id == TimelineEvent.work_order_id, in_scope(by, city)))
        .where(TimelineEvent.kind == EventKind.DISPATCHED, TimelineEvent.at >= since, TimelineEvent.at < until, ~before)
        .group_by(unit)
        .order_by(unit)
    )
    return [FirstDispatch(*row) for row in session.execute(statement)]
