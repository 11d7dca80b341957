"""Setbacks: rows that a job failed at, put off with growing pauses so that they keep no other row waiting.

A periodic job works on each row in a savepoint of its own. A row that fails is noted here, is left out until
``next_at``, and is tried again then; its note goes when it succeeds. ``kind`` names the work, ``key`` the row.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Index, Text, cast, delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base

log = logging.getLogger(__name__)

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(days=1)
LONGEST_ERROR = 200
_MOST_DOUBLINGS = 20

Row = TypeVar("Row")


class Setback(Base):
    """A row that a job failed at: how often, why the last time, and when it is tried again."""

    __tablename__ = "setbacks"
    __table_args__ = (Index("ix_setbacks_next_at", "kind", "next_at"),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]
    next_at: Mapped[dt.datetime]
    error: Mapped[str]


def attempt_each(
    session: Session, kind: str, rows: Mapping[UUID, Row], act: Callable[[Row], object], *, now: dt.datetime
) -> list[UUID]:
    """Act on each row in a savepoint of its own; give the keys of those that succeeded, put off the others."""
    done = [key for key, row in rows.items() if _attempt(session, kind, [key], partial(act, row), now=now)]
    _forget(session, kind, done)
    return done


def attempt_all(
    session: Session, kind: str, keys: Sequence[UUID], act: Callable[[Sequence[UUID]], object], *, now: dt.datetime
) -> list[UUID]:
    """Act on all rows at once, and where that fails on halves of them, until the bad rows stand alone and are put off.

    Give the keys of those that succeeded.
    """
    done = _attempt_halves(session, kind, keys, act, now=now)
    _forget(session, kind, done)
    return done


def put_off(session: Session, kind: str, key: object, error: str, *, now: dt.datetime) -> int:
    """Note that a row failed and leave it out for a while: 1 minute, then twice as long each time, a day at most.

    Give how often it has failed.
    """
    known = select(Setback.failures).where(Setback.kind == kind, Setback.key == str(key))
    failures = (session.scalar(known) or 0) + 1
    values = {"failures": failures, "last_at": now, "next_at": now + pause(failures), "error": error[:LONGEST_ERROR]}
    statement = insert(Setback).values(kind=kind, key=str(key), first_at=now, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["kind", "key"], set_=values))
    return failures


def pause(failures: int) -> dt.timedelta:
    """Compute how long a row is left out after so many failures."""
    doublings = min(failures - 1, _MOST_DOUBLINGS)
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << doublings))


def is_put_off(kind: str, key: Any, *, now: dt.datetime) -> ColumnElement[bool]:
    """Give the condition that the row of a key, a column of type uuid, is left out at the moment."""
    return exists().where(Setback.kind == kind, Setback.key == cast(key, Text), Setback.next_at > now)


def put_off_keys(session: Session, kind: str, *, now: dt.datetime) -> list[UUID]:
    """Give the rows of a kind that are left out at the moment."""
    return [
        UUID(key) for key in session.scalars(select(Setback.key).where(Setback.kind == kind, Setback.next_at > now))
    ]


def due_keys(session: Session, kind: str, *, now: dt.datetime, limit: int) -> list[UUID]:
    """Give the rows of a kind that are to be tried again, those first that wait longest."""
    due = select(Setback.key).where(Setback.kind == kind, Setback.next_at <= now).order_by(Setback.next_at)
    return [UUID(key) for key in session.scalars(due.limit(limit))]


def describe(fault: BaseException) -> str:
    """Describe a fault by its type and its first line: what follows may quote what people wrote."""
    first = next(iter(str(fault).splitlines()), "")
    return f"{type(fault).__name__}: {first}".removesuffix(": ")[:LONGEST_ERROR]


def _attempt_halves(
    session: Session, kind: str, keys: Sequence[UUID], act: Callable[[Sequence[UUID]], object], *, now: dt.datetime
) -> list[UUID]:
    if not keys or _attempt(session, kind, keys, lambda: act(keys), now=now):
        return list(keys)
    if len(keys) == 1:
        return []
    middle = len(keys) // 2
    first, second = keys[:middle], keys[middle:]
    return [key for half in (first, second) for key in _attempt_halves(session, kind, half, act, now=now)]


def _attempt(session: Session, kind: str, keys: Sequence[UUID], act: Callable[[], object], *, now: dt.datetime) -> bool:
    try:
        with session.begin_nested():
            act()
    except Exception as fault:  # whatever it is: the other rows go on
        if len(keys) == 1:
            failures = put_off(session, kind, keys[0], describe(fault), now=now)
            log.exception("row put off", extra={"kind": kind, "row": str(keys[0]), "failures": failures})
        return False
    return True


def _forget(session: Session, kind: str, keys: Collection[UUID]) -> None:
    """Remove the notes of rows that succeeded."""
    if keys:
        noted = delete(Setback).where(Setback.kind == kind, Setback.key.in_([str(key) for key in keys]))
        session.execute(noted, execution_options={"synchronize_session": False})
