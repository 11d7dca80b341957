"""Tables of geo: areas."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Versioned, current_key


class Level(StrEnum):
    """How large an area is, the smallest first."""

    COMMUNITY = "community"
    STREET = "street"
    DISTRICT = "district"
    CITY = "city"


class Area(Versioned, Base):
    """A polygon with a level. ``geom`` is planar: straight edges between longitudes and latitudes of WGS 84.

    ``parent`` is the code of the next larger area, empty at the top. ``area_m2`` is in square metres. ``approximate``
    marks boundaries that were computed and not surveyed. The one row of level city is the union of the areas of the
    pack's ``city_level``.
    """

    __tablename__ = "areas"
    __table_args__ = (
        current_key("areas", "code"),
        Index("ix_areas_current_geom", "geom", postgresql_using="gist", postgresql_where=text("until IS NULL")),
    )

    code: Mapped[str]
    level: Mapped[Level]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    parent: Mapped[str]
    area_m2: Mapped[float]
    approximate: Mapped[bool]
    geom: Mapped[Any] = mapped_column(
        Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), deferred=True, deferred_raiseload=True
    )
