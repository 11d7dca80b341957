"""Verbs: find what a reload left behind, move work orders and followers to the current lists."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.city import City, current_city
from app.catalogue.errors import PackRefused
from app.catalogue.packs.left_behind import CodeKind, LeftBehind
from app.dispatch.service.rehome import Successors, rehome
from app.errors import Problem
from app.geo.service import find_successor
from app.notify.service.topics import move_followers
from app.rehome import queries
from app.rehome.queries import Dropped
from app.workorders.models import WorkOrder
from app.workorders.service import lock_all

log = logging.getLogger(__name__)

AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Failed:
    """A work order that could not be moved, and why."""

    public_id: str
    reason: str


def find_left_behind(session: Session, moved: Mapping[str, str]) -> list[LeftBehind]:
    """Find the dropped codes that are still used, with their successors; ``moved`` names some of those.

    Raises PackRefused where ``moved`` names a code that was not dropped, or a successor that is not current.
    """
    every = _all_dropped(session)
    _check_moved(session, every, moved)
    return [
        LeftBehind(
            kind=dropped.kind,
            code=dropped.code,
            name=dropped.name,
            dropped_in=dropped.dropped_in,
            uses=uses,
            people=tuple(queries.accounts_of(session, dropped)),
            successor=_successor(session, dropped, moved),
        )
        for dropped in every
        if (uses := queries.uses_of(session, dropped))
    ]


def _check_moved(session: Session, every: Sequence[Dropped], moved: Mapping[str, str]) -> None:
    for old, new in moved.items():
        kinds = [dropped.kind for dropped in every if dropped.code == old]
        if not kinds:
            raise PackRefused(f"--moved {old}={new}: the lists did not drop {old}.")
        if not any(queries.is_current(session, kind, new) for kind in kinds):
            raise PackRefused(f"--moved {old}={new}: {new} is no {' or '.join(kinds)} of the current lists.")


def _all_dropped(session: Session) -> list[Dropped]:
    return [dropped for kind in CodeKind for dropped in queries.dropped_codes(session, kind)]


def _successor(session: Session, dropped: Dropped, moved: Mapping[str, str]) -> str:
    """Give the code that takes the place of a dropped one: the named one, of an area else the one that covers it."""
    named = moved.get(dropped.code, "")
    if named and queries.is_current(session, dropped.kind, named):
        return named
    if dropped.kind is not CodeKind.AREA:
        return ""
    return find_successor(session, dropped.code, dropped_in=dropped.dropped_in) or ""


def work_to_rehome(session: Session, moved: Mapping[str, str]) -> list[UUID]:
    """List the open work orders that are to be moved to the current lists, oldest first."""
    codes = {kind: [each.code for each in queries.dropped_codes(session, kind)] for kind in CodeKind}
    return queries.work_to_rehome(
        session,
        areas=codes[CodeKind.AREA],
        units=codes[CodeKind.UNIT],
        items=codes[CodeKind.ITEM],
        co_units=moved.keys() & set(codes[CodeKind.UNIT]),
    )


def rehome_work(session: Session, ids: Sequence[UUID], moved: Mapping[str, str], *, now: dt.datetime) -> list[Failed]:
    """Move some work orders to the current lists; one that cannot be moved stays as it is and is given back."""
    city = current_city(session)
    failed = []
    for work_order in lock_all(session, select(WorkOrder).where(WorkOrder.id.in_(ids))):
        public_id = work_order.public_id  # a savepoint that fails leaves the row unread
        try:
            with session.begin_nested():
                _rehome_one(session, work_order, moved, city=city, now=now)
        except Problem as refusal:
            failed.append(Failed(public_id, str(refusal)))
        except Exception:  # whatever it is: the others go on
            log.exception("work order not rehomed", extra={"work_order": public_id})
            failed.append(Failed(public_id, "a fault of ours, the log has it"))
    return failed


def _rehome_one(
    session: Session, work_order: WorkOrder, moved: Mapping[str, str], *, city: City, now: dt.datetime
) -> None:
    rehome(session, work_order, Successors(units=moved, items=moved), city=city, now=now)
    session.flush()


def move_all_followers(session: Session, moved: Mapping[str, str], *, now: dt.datetime) -> int:
    """Let followers and webhooks of dropped areas and items follow the successors; give how many followers."""
    count = 0
    for dropped in _all_dropped(session):
        if dropped.kind is CodeKind.UNIT:
            continue
        new = _successor(session, dropped, moved)
        names = {"name_zh": dropped.name_zh, "name_en": dropped.name_en}
        count += move_followers(session, column=dropped.kind.value, old=dropped.code, new=new, names=names, now=now)
        if new:
            _move_webhooks(session, dropped, new)
    return count


def _move_webhooks(session: Session, dropped: Dropped, new: str) -> None:
    for webhook in queries.webhooks_naming(session, dropped):
        name = "areas" if dropped.kind is CodeKind.AREA else "items"
        codes = [new if code == dropped.code else code for code in getattr(webhook, name)]
        setattr(webhook, name, list(dict.fromkeys(codes)))
