"""Anchors: what a whole day of history looked like, in one row a day, chained from day to day.

A day is a day of UTC: it needs no city and never had two midnights. Its anchor keeps, of every work order that has a
line with a time in that day, the line of the highest number: work order, number, hash. Every day has its anchor from
the first line on, empty days too, so that a missing one shows.

A transaction that began before midnight may commit after it, so a day is anchored an hour after its end at the
earliest. What arrives for it later still merely follows: verification asks whether the anchored line exists with
exactly that hash, not whether it is the last one. Such a late line is covered by the next anchor of its work order.

The root is SHA-256 (FIPS 180-4) over the canonical JSON of the list [number, day, time of making, work orders,
SHA-256 of the heads, previous root]. Who keeps the newest root somewhere else can prove everything before it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from app.db import Base
from app.workorders.models import TimelineEvent
from app.workorders.timeline import GENESIS, canonical, written_time

AFTER_MIDNIGHT = dt.timedelta(hours=1)
# The key of the advisory lock that lets one process at a time anchor: "anch" in ASCII.
LOCK = 0x616E6368
_DAY = dt.timedelta(days=1)
_HEAD = struct.Struct(">16sq32s")
_FETCHED = 5000

# Lines come nearly in the order of their times: a few pages of index find a day among all years. It is declared here
# because nothing else asks for lines by time.
Index(
    "ix_timeline_events_at",
    TimelineEvent.at,
    postgresql_using="brin",
    postgresql_with={"autosummarize": "on"},
)


class Anchor(Base):
    """The heads of one day, append-only. ``number`` counts from 1; ``heads`` is packed by ``pack_heads``."""

    __tablename__ = "anchors"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[dt.date] = mapped_column(unique=True)
    made_at: Mapped[dt.datetime]
    work_orders: Mapped[int]
    heads: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    root: Mapped[bytes] = mapped_column(LargeBinary)


class Head(NamedTuple):
    """The line that an anchor holds of a work order."""

    work_order_id: UUID
    number: int
    hash: bytes


def pack_heads(heads: Iterable[Head]) -> bytes:
    """Write heads, sorted by work order, in 56 bytes each: key, number (big-endian), hash."""
    return b"".join(_HEAD.pack(head.work_order_id.bytes, head.number, head.hash) for head in heads)


def unpack_heads(packed: bytes) -> Iterator[Head]:
    """Read heads; bytes at the end that make no whole head are left out."""
    whole = len(packed) - len(packed) % _HEAD.size
    for key, number, digest in _HEAD.iter_unpack(packed[:whole]):
        yield Head(UUID(bytes=key), number, digest)


def holds_whole_heads(anchor: Anchor) -> bool:
    """Tell whether an anchor has as many heads as it says."""
    return len(anchor.heads) == anchor.work_orders * _HEAD.size


def anchor_root(anchor: Anchor) -> bytes:
    """Compute the root of an anchor from its own columns."""
    line = [
        anchor.number,
        anchor.day.isoformat(),
        written_time(anchor.made_at),
        anchor.work_orders,
        hashlib.sha256(anchor.heads).hexdigest(),
        anchor.previous.hex(),
    ]
    return hashlib.sha256(canonical(line)).digest()


def last_over(now: dt.datetime) -> dt.date:
    """Give the last day that may be anchored."""
    return (now.astimezone(dt.UTC) - AFTER_MIDNIGHT).date() - _DAY


def anchor_next(session: Session, *, through: dt.date, now: dt.datetime) -> Anchor | None:
    """Anchor the day after the newest anchor, the day of the first line where there is none.

    Gives None, and adds nothing, when that day lies after ``through`` or is not over for an hour. One process anchors
    at a time (an advisory lock until the transaction ends). Call it in a transaction a day until it gives None: that
    catches up on missed days, and again changes nothing.
    """
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    newest = newest_anchor(session)
    day = newest.day + _DAY if newest else first_day(session)
    if day is None or day > min(through, last_over(now)):
        return None
    rows = session.execute(_heads_of(day), execution_options={"yield_per": _FETCHED})
    heads = [Head(key, number, digest) for key, number, digest in rows]
    anchor = Anchor(
        number=newest.number + 1 if newest else 1,
        day=day,
        made_at=now,
        work_orders=len(heads),
        heads=pack_heads(heads),
        previous=newest.root if newest else GENESIS,
    )
    anchor.root = anchor_root(anchor)
    session.add(anchor)
    session.flush()
    return anchor


def newest_anchor(session: Session) -> Anchor | None:
    """Give the newest anchor, without its heads."""
    statement = select(Anchor).options(defer(Anchor.heads, raiseload=True)).order_by(Anchor.number.desc()).limit(1)
    return session.scalars(statement).one_or_none()


def list_anchors(session: Session) -> Sequence[Anchor]:
    """Give all anchors in their order, without their heads."""
    return session.scalars(select(Anchor).options(defer(Anchor.heads, raiseload=True)).order_by(Anchor.number)).all()


def first_day(session: Session) -> dt.date | None:
    """Give the day of the first line; None where there is no history."""
    first = session.scalar(select(func.min(TimelineEvent.at)))
    return first.astimezone(dt.UTC).date() if first else None


def midnight(day: dt.date) -> dt.datetime:
    """Give the moment at which a day begins."""
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _heads_of(day: dt.date) -> Select[UUID, int, bytes]:
    line = TimelineEvent
    return (
        select(line.work_order_id, line.number, line.hash)
        .where(line.at >= midnight(day), line.at < midnight(day + _DAY))
        .ext(distinct_on(line.work_order_id))
        .order_by(line.work_order_id, line.number.desc())
    )
