"""Reads of the live stream, for the threads of its process: whose link, what was missed, what is new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Row, Uuid, bindparam, column, func, select
from sqlalchemy.orm import Session, joinedload

from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.dispatch.lists import in_scope
from app.live.frames import Position, frame
from app.notify.keys import tracking_hash
from app.reports.models import Report, ReportLink
from app.reports.schemas import StaffEventOut, TrackEventOut
from app.reports.views import show_line, show_to, subject_of
from app.workorders.models import EventKind, TimelineEvent, TimelinePayload, WorkOrder

TRAIL_MOST = 20
PAST = ".past"
PAGE = 500
_EVENT, _STAFF_EVENT = TrackEventOut(), StaffEventOut()
Span = tuple[UUID, str, int, int]


@dataclass(frozen=True, slots=True)
class Caught:
    """Where a report belongs now, the number of the last line there, and the frames of what was missed."""

    work_order_id: UUID
    work_order: str
    number: int
    missed: bytes


@dataclass(frozen=True, slots=True)
class NewLine:
    """A new line of a watched work order. ``shown`` is empty where it is internal; ``own`` is what its reporter sees.

    ``moves``: the reports of this work order have moved to another one.
    """

    work_order_id: UUID
    work_order: str
    number: int
    shown: bytes
    own: tuple[UUID, bytes] | None
    moves: bool


@dataclass(frozen=True, slots=True)
class StaffLine:
    """A line as staff see it, with what decides who may."""

    id: UUID
    units: tuple[str | None, ...]
    areas: tuple[str | None, ...]
    street: str
    body: bytes

    @property
    def shown(self) -> bytes:
        """Give its frame, in the order of the commits."""
        return b"id: %b\n%b" % (str(self.id).encode(), self.body)

    @property
    def past(self) -> bytes:
        """Give its frame where the past is told in the order of time: from such an id on, resume by time again."""
        return b"id: %b%b\n%b" % (str(self.id).encode(), PAST.encode(), self.body)

    def is_for(self, person: Person, *, unit: str | None, street: str | None) -> bool:
        """Tell whether it lies in the scope of a person, and is what they asked for."""
        if unit not in {None, *self.units} or street not in {None, self.street}:
            return False
        return person.covers(units=self.units, areas=self.areas)


# What says that reports left for another work order, or came from one.
MOVING = (EventKind.MERGED, EventKind.SPLIT)


def find_report_link(session: Session, secret: str) -> tuple[UUID, UUID] | None:
    """Find the report of a secret link, and the work order that it belongs to."""
    statement = (
        select(Report.id, ReportLink.work_order_id)
        .join(ReportLink, ReportLink.report_id == Report.id)
        .where(Report.tracking_digest == tracking_hash(secret))
    )
    found = session.execute(statement).one_or_none()
    return (found.id, found.work_order_id) if found else None


def catch_up(session: Session, report_id: UUID, last: Position | None) -> Caught:
    """Read what a reporter has missed since ``last``; without one nothing was missed."""
    statement = (
        select(WorkOrder.id, WorkOrder.public_id, WorkOrder.events)
        .join(ReportLink, ReportLink.work_order_id == WorkOrder.id)
        .where(ReportLink.report_id == report_id)
    )
    here = session.execute(statement).one()
    missed = b"" if last is None else b"".join(_missed(session, report_id, last, here))
    return Caught(here.id, here.public_id, here.events, missed)


def _missed(session: Session, report_id: UUID, last: Position, here: Row[UUID, str, int]) -> Iterator[bytes]:
    for work_order_id, public_id, after, upto in _trail(session, report_id, last, here):
        if after >= upto:
            continue
        between = (TimelineEvent.number > after, TimelineEvent.number <= upto, TimelineEvent.public)
        statement = _lines().where(TimelineEvent.work_order_id == work_order_id, *between)
        for event in session.scalars(statement.order_by(TimelineEvent.number)):
            yield _show(session, public_id, event, session.get(Report, report_id))


def _trail(session: Session, report_id: UUID, last: Position, here: Row[UUID, str, int]) -> list[Span]:
    """Follow a report from where its reporter was to where it is: the rest there, then each work order it came to.

    Each merge, split and undoing is a line of both that names the reports that moved. Where none names this one, the
    position is not a past of the report: then all that its reporter may see is sent, which is a double for them and no
    word of anybody else's.
    """
    spans: list[Span] = []
    name, after = last.work_order, last.number
    for _ in range(TRAIL_MOST):
        left = _moved(session, report_id, name, after, public=False)
        if left is None and name == here.public_id:
            return [*spans, (here.id, name, after, here.events)]
        if left is None:
            break
        into = str(left.content["into"])
        came = _moved(session, report_id, into, 0, public=True, origin=name, since=left.at)
        if came is None:
            break
        spans.append((left.work_order_id, name, after, left.number))
        name, after = into, came.number - 1
    return [(here.id, here.public_id, 0, here.events)]


def _moved(
    session: Session,
    report_id: UUID,
    name: str,
    after: int,
    *,
    public: bool,
    origin: str | None = None,
    since: dt.datetime | None = None,
) -> Row[UUID, int, dt.datetime, dict[str, Any]] | None:
    """Find the first line of a work order behind a number that says that a report left, or publicly that it came."""
    content = TimelinePayload.content
    named: dict[str, Any] = {"reports": [str(report_id)]} | ({"from": origin} if origin else {})
    statement = (
        select(TimelineEvent.work_order_id, TimelineEvent.number, TimelineEvent.at, content)
        .join(TimelinePayload, TimelinePayload.event_id == TimelineEvent.id)
        .join(WorkOrder, WorkOrder.id == TimelineEvent.work_order_id)
        .where(WorkOrder.public_id == name, TimelineEvent.kind.in_(MOVING), TimelineEvent.number > after)
        .where(TimelineEvent.public.is_(public), content.contains(named))
        .order_by(TimelineEvent.number)
        .limit(1)
    )
    if since is not None:
        statement = statement.where(TimelineEvent.at >= since)
    return session.execute(statement).one_or_none()


_WANTED = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("after", type_=ARRAY(BigInteger)))
    .table_valued(column("work_order_id", Uuid), column("after", BigInteger))
    .render_derived(name="wanted")
)


def new_lines(session: Session, after: Mapping[UUID, int]) -> list[NewLine]:
    """Read the lines of several work orders behind a number each, those of one in their order."""
    statement = (
        select(TimelineEvent, WorkOrder.public_id)
        .join(WorkOrder, WorkOrder.id == TimelineEvent.work_order_id)
        .join(_WANTED, _WANTED.c.work_order_id == TimelineEvent.work_order_id)
        .where(TimelineEvent.number > _WANTED.c.after)
        .options(joinedload(TimelineEvent.payload))
        .order_by(TimelineEvent.work_order_id, TimelineEvent.number)
    )
    found = session.execute(statement, {"ids": list(after), "after": list(after.values())})
    return [_new_line(session, event, public_id) for event, public_id in found.all()]


def _new_line(session: Session, event: TimelineEvent, public_id: str) -> NewLine:
    shown = _show(session, public_id, event) if event.public else b""
    content = event.payload.content if event.payload else {}
    report = session.get(Report, UUID(content["report"])) if event.public and content.get("report") else None
    own = (report.id, _show(session, public_id, event, report)) if report else None
    moves = event.kind in {EventKind.MERGED, EventKind.SPLIT} and not event.public
    return NewLine(event.work_order_id, public_id, event.number, shown, own, moves)


def _lines() -> Any:
    return select(TimelineEvent).options(joinedload(TimelineEvent.payload))


def _show(session: Session, public_id: str, event: TimelineEvent, report: Report | None = None) -> bytes:
    position, subject = Position(public_id, event.number), subject_of(session, event)
    shown = _EVENT.dump(show_to(report, event, *subject))
    return b"id: %b\n%b" % (str(position).encode(), frame(event.kind.value, shown))


_SCOPE = (WorkOrder.public_id, WorkOrder.state, WorkOrder.lead_unit, WorkOrder.co_units)
_PLACE = (WorkOrder.community, WorkOrder.street, WorkOrder.district)


def staff_lines(session: Session, ids: Sequence[UUID]) -> dict[UUID, StaffLine]:
    """Read lines as staff see them, by id; those that were rolled back or are not there are left out."""
    city = current_city(session)
    found = session.execute(_staff_lines().where(TimelineEvent.id.in_(ids)))
    return {row[0].id: _staff_line(session, row, city) for row in found.all()}


def staff_page(session: Session, person: Person, *, since: UUID, first: bool) -> list[StaffLine]:
    """Read the next page of the lines in a person's scope by id, from ``since`` on, itself only where ``first``."""
    city = current_city(session)
    place = TimelineEvent.id >= since if first else TimelineEvent.id > since
    statement = _staff_lines().where(place, in_scope(person, city)).order_by(TimelineEvent.id).limit(PAGE)
    return [_staff_line(session, row, city) for row in session.execute(statement).all()]


def lines_since(session: Session, since: UUID) -> list[tuple[UUID, UUID]]:
    """Give the ids of all lines and of their work orders from an id on, in the order of time."""
    statement = select(TimelineEvent.id, TimelineEvent.work_order_id).where(TimelineEvent.id >= since)
    return [(row.id, row.work_order_id) for row in session.execute(statement.order_by(TimelineEvent.id))]


def _staff_lines() -> Any:
    return (
        select(TimelineEvent, *_SCOPE, *_PLACE)
        .join(WorkOrder, WorkOrder.id == TimelineEvent.work_order_id)
        .options(joinedload(TimelineEvent.payload))
    )


def _staff_line(session: Session, row: Row[Any], city: City) -> StaffLine:
    event = row[0]
    whose = {"id": row.public_id, "state": row.state.value, "unit": row.lead_unit, "street": row.street}
    shown = {"work_order": whose, **_STAFF_EVENT.dump(show_line(event, subject_of(session, event)[0]))}
    return StaffLine(
        id=event.id,
        units=(row.lead_unit, *row.co_units),
        areas=(row.community, row.street, row.district, city.code),
        street=row.street,
        body=frame(event.kind.value, shown),
    )


def earliest_id(at: dt.datetime) -> UUID:
    """Give the least UUIDv7 of a moment (RFC 9562, 5.7)."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))


def moment_of(line_id: UUID) -> dt.datetime:
    """Give the moment in a UUIDv7."""
    return dt.datetime.fromtimestamp((line_id.int >> 80) / 1000, dt.UTC)
