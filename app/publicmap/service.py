"""Verbs of the public map: fold what changed, make all of it anew.

A step adds a row to ``work_order_changes`` in its own transaction and waits for nobody. Folding takes those rows,
compares what everybody may see of the work orders with what was counted, and adds the difference to the cells. So a
change that is folded twice counts once, and what was missed is right with the next one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import setbacks
from app.db import lift_limits
from app.publicmap.face_queries import (
    COUNT_COARSER,
    FINEST_OF,
    FOLD,
    FORGET_ALL,
    FORGET_EMPTY,
    PUT_NEXT,
    TAKE_CHANGES,
    count_finest,
)
from app.publicmap.grid import COARSEST
from app.publicmap.waiting import note_all_waiting, note_waiting

# The key of the advisory lock that lets one transaction at a time write the map: "map " in ASCII.
LOCK = 0x6D617020
FOLDED_AT_ONCE = 2000
FOLDING = "publicmap.fold"
REBUILT_AT_ONCE = 20_000
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")

Progress = Callable[[int], object]


def fold(session: Session, *, now: dt.datetime, limit: int = FOLDED_AT_ONCE) -> int | None:
    """Bring work orders that changed, or came of another age, into the map; give how many such changes were taken.

    One at a time: where somebody else writes the map, nothing is done and nothing given. A work order that cannot be
    folded (a fault of ours) is put off, and the rest is folded.
    """
    session.flush()
    if not session.scalar(_TRY_LOCK, {"key": LOCK}):
        return None
    put_off = setbacks.put_off_keys(session, FOLDING, now=now)
    changed = session.scalars(TAKE_CHANGES, {"now": now, "limit": limit, "put_off": put_off}).all()
    again = setbacks.due_keys(session, FOLDING, now=now, limit=limit)
    ids = sorted({*changed, *again}.difference(put_off))
    setbacks.attempt_all(session, FOLDING, ids, lambda some: _fold(session, some, now=now), now=now)
    return len(changed)


def _fold(session: Session, ids: Sequence[UUID], *, now: dt.datetime) -> None:
    # A statement of its own: it sees what the steps committed whose rows were taken.
    session.execute(FOLD, {"ids": list(ids), "now": now})
    session.execute(FORGET_EMPTY)
    note_waiting(session, ids)


def rebuild(session: Session, *, now: dt.datetime, progress: Progress | None = None) -> int:
    """Make the whole map anew in one transaction; give how many work orders were looked at.

    Everybody sees the old one until it commits, and steps go on meanwhile: what they change is folded after it.
    """
    lift_limits(session)
    session.execute(_LOCK, {"key": LOCK})
    for statement in FORGET_ALL:
        session.execute(statement)
    count = _put_all(session, now=now, progress=progress or (lambda _: None))
    for key, finest in FINEST_OF.items():
        session.execute(count_finest(key))
        for level in range(finest, COARSEST, -1):
            session.execute(COUNT_COARSER, {"level": level, "prefix": key.split("'")[1]})
    note_all_waiting(session)
    return count


def _put_all(session: Session, *, now: dt.datetime, progress: Progress) -> int:
    after: UUID | None = None
    count = 0
    while True:
        found = session.execute(PUT_NEXT, {"after": after, "limit": REBUILT_AT_ONCE, "now": now}).one()
        if not found.looked_at:
            return count
        count, after = count + found.looked_at, found.last
        progress(found.looked_at)
