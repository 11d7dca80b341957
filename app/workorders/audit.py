"""Verification of history: every line, every payload that is there, every head, every anchor.

The walk goes over the work orders in the order of their opening, by pages, then over lines without a work order, then
over the anchors and the lines that they hold. Each page is one statement, hence one moment: the product goes on
writing meanwhile. What is found is told in the order of the walk.

It cannot see the change of lines that no anchor holds yet when their work order is changed with them, nor that the
newest anchors were removed and made anew: copies of the roots kept elsewhere show that (docs/operations.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Row, Select, Text, cast, exists, func, literal, select, text
from sqlalchemy.orm import Session

from app.workorders.anchors import (
    Anchor,
    Head,
    anchor_root,
    first_day,
    holds_whole_heads,
    last_over,
    midnight,
    unpack_heads,
)
from app.workorders.models import TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.timeline import GENESIS, line_hash, payload_digest

# A day without an anchor is a finding once its anchor is a day late: the job that makes them may lie still for a while.
LATE = dt.timedelta(days=1)
WORK_ORDERS_AT_ONCE = 1000
HEADS_AT_ONCE = 5000

_CHANGED_HEADS = text(
    "SELECT held.key, held.number, work_orders.public_id, line.hash IS NULL AS missing "
    "FROM unnest(CAST(:keys AS uuid[]), CAST(:numbers AS bigint[]), CAST(:hashes AS bytea[])) "
    "AS held (key, number, hash) "
    "LEFT JOIN timeline_events AS line ON line.work_order_id = held.key AND line.number = held.number "
    "LEFT JOIN work_orders ON work_orders.id = held.key "
    "WHERE line.hash IS DISTINCT FROM held.hash ORDER BY held.key, held.number"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is broken, and how."""

    where: str
    reason: str

    def __str__(self) -> str:
        """Give one line."""
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is verified: all, what has a line or an anchor since a day of UTC, or one work order by its key."""

    since: dt.date | None = None
    work_order_id: UUID | None = None


EVERYTHING = Scope()


@dataclass(slots=True)
class Verdict:
    """What was walked over, the first thing that is broken, and how many are in all."""

    work_orders: int = 0
    lines: int = 0
    erased: int = 0
    anchors: int = 0
    broken: int = 0
    first: Fault | None = None


@dataclass(frozen=True, slots=True)
class _Walk:
    session: Session
    scope: Scope
    verdict: Verdict
    progress: Callable[[int], object]


def verify(
    session: Session,
    *,
    now: dt.datetime,
    scope: Scope = EVERYTHING,
    progress: Callable[[int], object] = lambda _: None,
) -> Verdict:
    """Walk over history and say what is broken first. ``progress`` hears of steps; ``count_steps`` has their number.

    Call it outside of a transaction or in one that reads committed rows; nothing is locked, nothing kept in memory
    but a page.
    """
    walk = _Walk(session, scope, Verdict(), progress)
    faults = chain(_history_faults(walk), _stray_faults(walk), _anchor_faults(walk, now=now))
    for fault in faults:
        walk.verdict.first = walk.verdict.first or fault
        walk.verdict.broken += 1
    return walk.verdict


def count_steps(session: Session, *, scope: Scope = EVERYTHING) -> int:
    """Count the steps of a verification: work orders and heads of anchors."""
    work_orders = session.scalar(select(func.count()).select_from(_work_orders(scope).subquery()))
    heads = session.scalar(select(func.sum(_anchors(scope).subquery().c.work_orders)))
    return (work_orders or 0) + int(heads or 0)


def _work_orders(scope: Scope) -> Select[UUID, str, int, bytes | None]:
    statement = select(WorkOrder.id, WorkOrder.public_id, WorkOrder.events, WorkOrder.head)
    if scope.work_order_id:
        statement = statement.where(WorkOrder.id == scope.work_order_id)
    if scope.since:
        moved = select(TimelineEvent.work_order_id).where(TimelineEvent.at >= midnight(scope.since))
        statement = statement.where(WorkOrder.id.in_(moved))
    return statement


def _history_faults(walk: _Walk) -> Iterator[Fault]:
    for page in _pages(walk):
        count = 0
        for _, rows in groupby(page, attrgetter("key")):
            lines = list(rows)
            yield from check_history(lines[0], [line for line in lines if line.number is not None])
            count += 1
        walk.verdict.work_orders += count
        walk.verdict.lines += sum(row.number is not None for row in page)
        walk.verdict.erased += sum(row.number is not None and row.salt is None for row in page)
        walk.progress(count)


def _pages(walk: _Walk) -> Iterator[Sequence[Row[Any]]]:
    line, payload = TimelineEvent, TimelinePayload
    after = UUID(int=0)
    while True:
        found = _work_orders(walk.scope).where(WorkOrder.id > after).order_by(WorkOrder.id).limit(WORK_ORDERS_AT_ONCE)
        page = found.subquery()
        statement = (
            select(page.c.id.label("key"), page.c.public_id, page.c.events, page.c.head)
            # The kind as it stands there: a word that is none of ours must be a finding, not a crash.
            .add_columns(line.work_order_id, line.number, cast(line.kind, Text).label("kind"), line.at, line.by)
            .add_columns(line.public, line.payload_digest, line.previous, line.hash, payload.salt, payload.content)
            .join_from(page, line, line.work_order_id == page.c.id, isouter=True)
            .join(payload, payload.event_id == line.id, isouter=True)
            .order_by(page.c.id, line.number)
        )
        rows = walk.session.execute(statement).all()
        if not rows:
            return
        yield rows
        after = rows[-1].key


def check_history(work_order: Row[Any], lines: Iterable[Row[Any]]) -> Iterator[Fault]:
    """Find what is broken in the history of a work order: one fault a line at most, the first that shows."""
    broken, number, before = 0, 0, GENESIS
    for line in lines:
        gap = line.number > number + 1
        if gap:
            yield _line_fault(work_order.public_id, number + 1, "it is missing")
        reason = _reason(line, line.previous if gap else before)
        if reason:
            yield _line_fault(work_order.public_id, line.number, reason)
            broken = line.number
        number, before = line.number, line.hash
    if number < work_order.events:
        reason = f"it is missing, the work order counts {work_order.events} lines"
        yield _line_fault(work_order.public_id, number + 1, reason)
    elif number > work_order.events:
        reason = f"the work order counts {work_order.events} lines only"
        yield _line_fault(work_order.public_id, work_order.events + 1, reason)
    elif (work_order.head or GENESIS) != before and broken != number:
        yield _line_fault(work_order.public_id, number, "the work order names another hash as its last")


def _reason(line: Row[Any], before: bytes) -> str | None:
    if line.previous != before:
        return "its previous hash is not that of the line before"
    if line_hash(line, kind=line.kind) != line.hash:
        return "its hash is not that of its number, kind, time, author, visibility, digest and previous hash"
    if line.salt is not None and payload_digest(line.salt, line.content) != line.payload_digest:
        return "its digest is not that of its words"
    return None


def _line_fault(work_order: str, number: int, reason: str) -> Fault:
    return Fault(f"work order {work_order}, line {number}", reason)


def _stray_faults(walk: _Walk) -> Iterator[Fault]:
    if walk.scope.work_order_id:
        return
    line = TimelineEvent
    statement = (
        select(line.work_order_id, func.min(line.number).label("number"))
        .where(~exists().where(WorkOrder.id == line.work_order_id))
        .group_by(line.work_order_id)
        .order_by(line.work_order_id)
    )
    for row in walk.session.execute(statement):
        yield _line_fault(f"of key {row.work_order_id}", row.number, "its work order is missing")


def _anchors(scope: Scope) -> Select[Anchor]:
    statement = select(Anchor)
    if scope.since:
        statement = statement.where(Anchor.day >= scope.since)
    if scope.work_order_id:
        key = literal(scope.work_order_id.bytes, LargeBinary)
        statement = statement.where(func.position(key.op("IN")(Anchor.heads)) > 0)
    return statement


def _anchor_faults(walk: _Walk, *, now: dt.datetime) -> Iterator[Fault]:
    before = None
    if walk.scope.since:
        earlier = select(Anchor).where(Anchor.day < walk.scope.since).order_by(Anchor.number.desc()).limit(1)
        before = walk.session.scalars(earlier).one_or_none()
    while anchor := _anchor_after(walk, before):
        walk.verdict.anchors += 1
        if not walk.scope.work_order_id:
            yield from check_anchor(anchor, before, now=now)
        yield from _head_faults(walk, anchor)
        walk.progress(anchor.work_orders)
        before = anchor
    if not walk.scope.work_order_id:
        yield from _late_faults(walk.session, before, now=now)


def _anchor_after(walk: _Walk, before: Anchor | None) -> Anchor | None:
    statement = _anchors(walk.scope).where(Anchor.number > (before.number if before else 0))
    return walk.session.scalars(statement.order_by(Anchor.number).limit(1)).one_or_none()


def check_anchor(anchor: Anchor, before: Anchor | None, *, now: dt.datetime) -> Iterator[Fault]:
    """Find what is broken in an anchor that follows ``before``, or is the first one."""
    number, root = (before.number, before.root) if before else (0, GENESIS)
    where = f"anchor {anchor.number} of {anchor.day}"
    if anchor.number > number + 1:
        yield Fault(f"anchor {number + 1}" + (f" of {_day_after(before)}" if before else ""), "it is missing")
    elif anchor.previous != root:
        yield Fault(where, "its previous root is not that of the anchor before")
        return
    elif before and anchor.day != _day_after(before):
        yield Fault(where, "its day is not the day after the anchor before")
        return
    if anchor_root(anchor) != anchor.root or not holds_whole_heads(anchor):
        yield Fault(where, "its root is not that of its number, day, time, heads and previous root")
    elif anchor.made_at > now or anchor.day > last_over(anchor.made_at):
        yield Fault(where, "it was made before its day was over for an hour, or has a time to come")


def _day_after(anchor: Anchor) -> dt.date:
    return anchor.day + dt.timedelta(days=1)


def _head_faults(walk: _Walk, anchor: Anchor) -> Iterator[Fault]:
    heads = iter(unpack_heads(anchor.heads))
    if walk.scope.work_order_id:
        heads = (head for head in heads if head.work_order_id == walk.scope.work_order_id)
    while batch := list(islice(heads, HEADS_AT_ONCE)):
        for row in walk.session.execute(_CHANGED_HEADS, _columns(batch)):
            name = row.public_id or f"of key {row.key}"
            what = "is missing" if row.missing else "has another hash"
            yield _line_fault(name, row.number, f"it {what}, anchor {anchor.number} of {anchor.day} holds it")


def _columns(heads: Sequence[Head]) -> dict[str, Any]:
    keys, numbers, hashes = zip(*heads, strict=True)
    return {"keys": list(keys), "numbers": list(numbers), "hashes": list(hashes)}


def _late_faults(session: Session, newest: Anchor | None, *, now: dt.datetime) -> Iterator[Fault]:
    day = _day_after(newest) if newest else first_day(session)
    if day and day <= last_over(now - LATE):
        where = f"anchor {newest.number + 1 if newest else 1} of {day}"
        yield Fault(where, "it is missing; `flask audit anchor` makes it, if it never was")
