"""Tables of the public map: the public face of each work order, the cells, what staff decided of words."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.publicmap.grid import Shown
from app.workorders.states import Step

_CHANGED_LAST = (text("coalesce(done_at, opened_at) DESC"), text("work_order_id DESC"))


class MapPoint(Base):
    """What everybody may see of a work order, as it was counted in the cells; one that nobody may see has none.

    ``geom`` is in Web Mercator, of a sensitive one the middle of its block; ``x`` and ``y`` are its cell of the finest
    level. ``done_at`` is when it was fixed, ``age`` which of ``grid.AGE_NAMES`` that is, 0 while it is open;
    ``ages_at`` is when it comes into the next.
    """

    __tablename__ = "map_points"
    __table_args__ = (
        Index("ix_map_points_geom", "geom", "item", "class", postgresql_using="gist"),
        Index("ix_map_points_opened", text("opened_at DESC"), text("work_order_id DESC")),
        Index("ix_map_points_street", "street", text("opened_at DESC"), text("work_order_id DESC")),
        Index("ix_map_points_item", "item", text("opened_at DESC"), text("work_order_id DESC")),
        # What happened last, as feeds tell it.
        Index("ix_map_points_street_changed", "street", *_CHANGED_LAST),
        Index("ix_map_points_item_changed", "item", *_CHANGED_LAST),
        Index("ix_map_points_ages_at", "ages_at", postgresql_where=text("ages_at IS NOT NULL")),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    item: Mapped[str]
    class_: Mapped[str] = mapped_column("class")
    street: Mapped[str]
    state: Mapped[Shown]
    step: Mapped[Step]
    sensitive: Mapped[bool]
    geom: Mapped[Any] = mapped_column(
        Geometry("POINT", srid=3857, spatial_index=False), deferred=True, deferred_raiseload=True
    )
    x: Mapped[int]
    y: Mapped[int]
    opened_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    age: Mapped[int]
    ages_at: Mapped[dt.datetime | None]


class MapCell(Base):
    """How many work orders lie in a cell, by state and age; ``group`` is the tile that shows it (``Tile.groups``).

    ``sum_x`` and ``sum_y`` are decimetres from the projection's north-west corner, so that their middle is exact and
    cells can be summed into larger ones.
    """

    __tablename__ = "map_cells"
    __table_args__ = (Index("ix_map_cells_empty", "level", postgresql_where=text("total = 0")),)

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    group: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    x: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    y: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    total: Mapped[int]
    open: Mapped[int]
    fixed_7: Mapped[int]
    fixed_30: Mapped[int]
    fixed_90: Mapped[int]
    fixed_365: Mapped[int]
    fixed_more: Mapped[int]
    closed_7: Mapped[int]
    closed_30: Mapped[int]
    closed_90: Mapped[int]
    closed_365: Mapped[int]
    closed_more: Mapped[int]
    sum_x: Mapped[int]
    sum_y: Mapped[int]


class TextVerdict(StrEnum):
    """What staff decided of the words of a report."""

    RELEASED = "released"
    HIDDEN = "hidden"


class TextDecision(Base):
    """Whether the public reads the words of a report: what staff said last. Without one the filter decides."""

    __tablename__ = "text_decisions"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    verdict: Mapped[TextVerdict]
    by: Mapped[str]
    at: Mapped[dt.datetime]


class WaitingWords(Base):
    """The words of a work order that the filter stopped and staff did not decide of: derived, as the map is."""

    __tablename__ = "waiting_words"
    __table_args__ = (Index("ix_waiting_words_filed_at", "filed_at", "report_id"),)

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    filed_at: Mapped[dt.datetime]
