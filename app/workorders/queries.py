"""Reads of work orders: one for staff, its history, its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.crockford import normalise
from app.workorders.models import Deadline, Evidence, TimelineEvent, WorkOrder


def find_work_order(session: Session, public_id: str) -> WorkOrder | None:
    """Find a work order by the id that the outside sees, with its item."""
    statement = select(WorkOrder).where(WorkOrder.public_id == normalise(public_id)).options(joinedload(WorkOrder.item))
    return session.scalars(statement).one_or_none()


def history(session: Session, work_order_id: UUID, *, public_only: bool) -> Sequence[TimelineEvent]:
    """Give the lines of a history in their order, with their payloads."""
    statement = (
        select(TimelineEvent)
        .where(TimelineEvent.work_order_id == work_order_id)
        .options(joinedload(TimelineEvent.payload))
        .order_by(TimelineEvent.number)
    )
    if public_only:
        statement = statement.where(TimelineEvent.public)
    return session.scalars(statement).all()


def deadlines(session: Session, work_order_id: UUID) -> Sequence[Deadline]:
    """Give the clocks of a work order, first started first."""
    statement = (
        select(Deadline).where(Deadline.work_order_id == work_order_id).order_by(Deadline.starts_at, Deadline.id)
    )
    return session.scalars(statement).all()


def evidence(session: Session, work_order_id: UUID) -> Sequence[Evidence]:
    """Give the photos that crews brought."""
    return session.scalars(select(Evidence).where(Evidence.work_order_id == work_order_id)).all()
