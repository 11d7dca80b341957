"""The list of work orders, page by page.

A cursor is the public id of the last line: the keys of work orders and the exact times of filing stay inside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.api.pages import read_cursor, write_cursor
from app.catalogue.city import City
from app.errors import Unprocessable
from app.geo.models import Area, Level
from app.publicmap import list_queries as queries
from app.publicmap.box import Box
from app.publicmap.filters import Wanted
from app.publicmap.views import View, show_lines
from app.workorders.models import LIVE, WorkOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: within boxes, nearest first, behind a cursor."""

    limit: int
    cursor: str | None = None
    boxes: tuple[Box, ...] | None = None
    near: tuple[float, float] | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Page:
        """Read what was asked for."""
        return cls(limit=asked["limit"], cursor=asked["cursor"], boxes=asked["bbox"], near=asked["near"])


def list_lines(
    session: Session, wanted: Wanted, page: Page, *, city: City, now: dt.datetime
) -> tuple[list[View], str | None]:
    """List a page of work orders and give the cursor of the next one. Raises Unprocessable for a foreign cursor."""
    after = _place_of(session, page.cursor)
    statement, parameters = queries.lines(wanted, boxes=page.boxes, near=page.near, after=after)
    rows = session.execute(statement, parameters | {"limit": page.limit + 1}).mappings().all()
    shown = show_lines(session, rows[: page.limit], city=city, now=now)
    return shown, write_cursor([shown[-1]["id"]]) if len(rows) > page.limit else None


def filter_streets(session: Session) -> Sequence[Area]:
    """List the streets that a filter may name, by code: the current ones, and dropped ones with open work orders."""
    used = select(WorkOrder.id).where(WorkOrder.street == Area.code, LIVE).exists()
    statement = (
        select(Area)
        .where(Area.level == Level.STREET, or_(Area.until.is_(None), used))
        .ext(distinct_on(Area.code))
        .order_by(Area.code, Area.until.desc().nulls_first())
    )
    return session.scalars(statement).all()


def list_recent(
    session: Session, *, area: str | None = None, item: str | None = None, limit: int, city: City, now: dt.datetime
) -> list[View]:
    """List what was opened or done last in an area, or of an item, the newest first."""
    rows = session.execute(queries.recent(area=area is not None), {"code": area or item, "limit": limit}).mappings()
    return show_lines(session, rows.all(), city=city, now=now)


def list_parts(session: Session, size: int) -> Sequence[str]:
    """Cut all work orders into parts of a size, by id: give the first id of each."""
    return session.scalars(queries.PARTS, {"size": size}).all()


def list_part(session: Session, first: str, size: int) -> list[tuple[str, dt.date]]:
    """List the ids of a part from its first one on, each with the day of its last change.

    Days and not moments: the exact time of filing is told after an hour only.
    """
    return [(row.id, _day(row.changed)) for row in session.execute(queries.PART, {"first": first, "size": size})]


def _day(moment: dt.datetime) -> dt.date:
    return moment.astimezone(dt.UTC).date()


def _place_of(session: Session, cursor: str | None) -> Row[Any] | None:
    values = read_cursor(cursor, str)
    if values is None:
        return None
    found = session.execute(queries.PLACE_OF, {"id": values[0]}).one_or_none()
    if found is None:
        detail = "Send `next` of the page before as it was, or leave the cursor out."
        raise Unprocessable(detail, errors=[{"pointer": "/cursor", "detail": detail}])
    return found
