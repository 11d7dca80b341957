"""The lists of a desk: work orders, disputes, declines, supervisions, notices; each bounded by unit and area."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, literal, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.accounts.service import ANY_UNIT, Person
from app.catalogue.city import City
from app.dispatch.errors import NoSuchNotice
from app.dispatch.models import Decline, Dispute, Notice, Supervision
from app.workorders.models import BREACHED, LIVE, Deadline, TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.states import EventKind, State

Line = TypeVar("Line", Dispute, Decline, Supervision)
Place = Sequence[Any] | None
_LET_WAIT = (EventKind.WAITING, EventKind.CHANGED, EventKind.RECONSIDERED)


def in_area(by: Person, city: City) -> ColumnElement[bool]:
    """Give the condition that a work order lies in the area that a person acts for; without a scope none does."""
    if by.area is None or by.unit is None:
        return false()
    if by.area == city.code:
        return true()
    return or_(*(column == by.area for column in (WorkOrder.community, WorkOrder.street, WorkOrder.district)))


def in_scope(by: Person, city: City) -> ColumnElement[bool]:
    """Give the condition that a work order lies in the scope of a person, by unit and area."""
    area = in_area(by, city)
    if by.all_units:
        return area
    return area & or_(WorkOrder.lead_unit == by.unit, WorkOrder.co_units.contains([by.unit]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which work orders: of these states (without any: all that are open), of a unit or a street, or overdue."""

    states: Sequence[State] = ()
    unit: str | None = None
    street: str | None = None
    overdue: bool = False


def list_work_orders(
    session: Session, wanted: Wanted, *, by: Person, city: City, limit: int, after: Place = None
) -> Sequence[WorkOrder]:
    """List work orders, oldest first."""
    statement = select(WorkOrder).join(WorkOrder.item).options(contains_eager(WorkOrder.item))
    statement = statement.where(in_scope(by, city), WorkOrder.state.in_(wanted.states) if wanted.states else LIVE)
    if wanted.unit:
        statement = statement.where(or_(WorkOrder.lead_unit == wanted.unit, WorkOrder.co_units.contains([wanted.unit])))
    if wanted.street:
        statement = statement.where(WorkOrder.street == wanted.street)
    if wanted.overdue:
        statement = statement.where(_has_an_overdue_clock())
    return session.scalars(rows_after(statement, WorkOrder.opened_at, WorkOrder.id, after).limit(limit)).all()


def _has_an_overdue_clock() -> ColumnElement[bool]:
    """Give the condition that a clock of a work order ran over and is not ended; the minute job has marked those."""
    return WorkOrder.id.in_(select(Deadline.work_order_id).where(BREACHED))


def why_they_wait(session: Session, work_order_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Give the last reasons to wait, with whom the rules propose, by work order.

    They stand in the line that let it wait: at filing, after a change, or taken on after all.
    """
    statement = (
        select(TimelineEvent.work_order_id, TimelinePayload.content)
        .join(TimelinePayload, TimelinePayload.event_id == TimelineEvent.id)
        .where(TimelineEvent.work_order_id.in_(work_order_ids), TimelineEvent.kind.in_(_LET_WAIT))
        .where(TimelinePayload.content.has_key("reasons"))
        .ext(distinct_on(TimelineEvent.work_order_id))
        .order_by(TimelineEvent.work_order_id, TimelineEvent.number.desc())
    )
    if not work_order_ids:
        return {}
    return {
        row.work_order_id: {"reasons": row.content["reasons"], "proposed": row.content.get("proposed")}
        for row in session.execute(statement)
    }


def list_disputes(
    session: Session, *, ended: bool, by: Person, city: City, limit: int, after: Place = None
) -> Sequence[Dispute]:
    """List the disputes that wait for a ruling, or those that ended, oldest first.

    A unit sees what became of its own refusals, also where the ruling took the work order out of its sight.
    """
    own = (Dispute.unit == by.unit) & in_area(by, city)
    statement = _lines(Dispute, or_(in_scope(by, city), own)).where(Dispute.ended_at.is_not(None) == ended)
    return session.scalars(rows_after(statement, Dispute.opened_at, Dispute.id, after).limit(limit)).all()


def list_declines(
    session: Session, *, reviewed: bool | None, by: Person, city: City, limit: int, after: Place = None
) -> Sequence[Decline]:
    """List the register of what was declined, oldest first: reviewed or not, or all."""
    statement = _lines(Decline, in_scope(by, city))
    if reviewed is not None:
        statement = statement.where(Decline.reviewed_at.is_not(None) == reviewed)
    return session.scalars(rows_after(statement, Decline.decided_at, Decline.id, after).limit(limit)).all()


def list_supervisions(
    session: Session, *, answered: bool | None, by: Person, city: City, limit: int, after: Place = None
) -> Sequence[Supervision]:
    """List supervisions, first due first: answered or not, or all."""
    statement = _lines(Supervision, in_scope(by, city))
    if answered is not None:
        statement = statement.where(Supervision.answered_at.is_not(None) == answered)
    return session.scalars(rows_after(statement, Supervision.due_at, Supervision.id, after).limit(limit)).all()


def list_notices(session: Session, *, by: Person, city: City, limit: int, after: Place = None) -> Sequence[Notice]:
    """List what the person's unit was told and nobody there has read, oldest first."""
    own = true() if by.unit == ANY_UNIT else Notice.unit == by.unit
    statement = (
        select(Notice)
        .join(Notice.work_order)
        .options(contains_eager(Notice.work_order).joinedload(WorkOrder.item))
        .where(own, in_area(by, city), Notice.read_at.is_(None))
    )
    return session.scalars(rows_after(statement, Notice.at, Notice.id, after).limit(limit)).all()


def read_notice(session: Session, notice_id: UUID, *, by: Person, city: City, now: dt.datetime) -> Notice:
    """Say that a notice was read; the first time counts. Raises NoSuchNotice outside the person's unit."""
    statement = select(Notice).where(Notice.id == notice_id).options(joinedload(Notice.work_order))
    notice = session.scalars(statement.options(joinedload(Notice.work_order).joinedload(WorkOrder.item))).one_or_none()
    theirs = notice is not None and by.unit in {notice.unit, ANY_UNIT}
    if notice is None or not theirs or not by.covers(units=[notice.unit], areas=(*notice.work_order.areas, city.code)):
        raise NoSuchNotice
    if notice.read_at is None:
        notice.read_at, notice.read_by = now, by.signature
    return notice


def _lines(kind: type[Line], scope: ColumnElement[bool]) -> Select[Line]:
    return (
        select(kind)
        .join(kind.work_order)
        .options(contains_eager(kind.work_order).joinedload(WorkOrder.item))
        .where(scope)
    )


def rows_after(statement: Select[Any], moment: Any, key: Any, after: Place) -> Select[Any]:
    """Order a list by a moment and a key, and begin behind the row that ``after`` holds both of."""
    if after is not None:
        statement = statement.where(tuple_(moment, key) > tuple_(literal(after[0]), literal(after[1])))
    return statement.order_by(moment, key)
