"""Statements over areas, built once. They read current rows only and hold outside of a transaction too.

A district or the city is large to read and is found by ``parent``; only streets and communities are compared with the
point, each by the GiST index over the current rows.
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from shapely import set_srid, to_wkb
from shapely.geometry.base import BaseGeometry
from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    Select,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from app.geo.models import Area, Level
from app.geo.types import many_points

SRID = 4326
SMALL = (Level.STREET, Level.COMMUNITY)

_parent = aliased(Area, name="parent")
_grandparent = aliased(Area, name="grandparent")


def wkb(shape: BaseGeometry) -> bytes:
    """Write a shape as EWKB, as the parameter ``circle`` takes it."""
    return bytes(to_wkb(set_srid(shape, SRID), include_srid=True))


def ewkb_hex(shape: BaseGeometry) -> str:
    """Write a shape as the hexadecimal EWKB that COPY takes for a geometry."""
    return str(to_wkb(set_srid(shape, SRID), hex=True, include_srid=True))


def _place(lon: ColumnElement[float], lat: ColumnElement[float]) -> ColumnElement[Any]:
    return func.ST_SetSRID(func.ST_MakePoint(lon, lat, type_=Geometry), literal_column(str(SRID)), type_=Geometry)


def _true_metres(shape: Any, lon: ColumnElement[float], lat: ColumnElement[float]) -> ColumnElement[float]:
    return cast(func.ST_Distance(func.geography(shape), func.geography(_place(lon, lat))), Float)


def _names(area: Any, prefix: str) -> list[ColumnElement[Any]]:
    return [getattr(area, name).label(f"{prefix}_{name}") for name in ("code", "level", "name_zh", "name_en")]


_IDENTITY = [*_names(Area, "area"), *_names(_parent, "parent"), *_names(_grandparent, "grandparent"), Area.approximate]


def _current(*more: ColumnElement[Any]) -> Select[Any]:
    """Select current areas with their parent and grandparent, which are read by the index over codes."""
    ancestors = (
        (_parent, and_(_parent.code == Area.parent, _parent.until.is_(None))),
        (_grandparent, and_(_grandparent.code == _parent.parent, _grandparent.until.is_(None))),
    )
    statement = select(*_IDENTITY, *more).select_from(Area)
    for alias, condition in ancestors:
        statement = statement.outerjoin(alias, condition)
    return statement.where(Area.until.is_(None))


_LON, _LAT = bindparam("lon", type_=Float), bindparam("lat", type_=Float)
_CIRCLE: ColumnElement[Any] = func.ST_GeomFromEWKB(bindparam("circle", type_=LargeBinary), type_=Geometry)
_HERE = _place(_LON, _LAT)

# The streets and communities that cover the point, the smaller first. ``whole``: the circle lies in it entirely.
COVERING = (
    _current(func.ST_Covers(Area.geom, _CIRCLE).label("whole"))
    .where(or_(*[Area.level == level for level in SMALL]), func.ST_Covers(Area.geom, _HERE))
    .order_by(Area.area_m2, Area.code)
)

# The streets that the circle touches, with the share of its area in each.
SHARES = (
    select(
        *_names(Area, "area"),
        (func.ST_Area(func.ST_Intersection(Area.geom, _CIRCLE)) / func.ST_Area(_CIRCLE)).label("share"),
    )
    .where(Area.until.is_(None), Area.level == Level.STREET, func.ST_Intersects(Area.geom, _CIRCLE))
    .order_by(column("share").desc(), Area.code)
)

# The street that is nearest in degrees need not be nearest in metres: its true distance bounds the search for the one
# that is. One per cent more, because a degree's length changes on the way; from another continent the box misses all,
# and the first stands.
_FIRST = (
    select(Area.code, _true_metres(Area.geom, _LON, _LAT).label("metres"))
    .where(Area.until.is_(None), Area.level == Level.STREET)
    .order_by(Area.geom.op("<->")(_HERE))
    .limit(1)
    .cte("first")
)
_REACH_M = _FIRST.c.metres * 1.01 + 1
_REACH = _REACH_M / bindparam("east", type_=Float), _REACH_M / bindparam("north", type_=Float)
_BOX = Area.geom.op("&&")(func.ST_Expand(_HERE, *_REACH, type_=Geometry))
NEAREST = (
    _current(_true_metres(Area.geom, _LON, _LAT).label("metres"))
    .join(_FIRST, true())
    .where(Area.level == Level.STREET, or_(_BOX, Area.code == _FIRST.c.code))
    .order_by(column("metres"), Area.area_m2, Area.code)
    .limit(1)
)

# Whether a ring of the city's outline has the point inside that the city itself does not cover.
_parts = func.ST_Dump(Area.geom).table_valued(column("geom", Geometry), name="part").lateral()
IN_HOLE = select(
    exists(
        select(literal(1))
        .select_from(Area)
        .join(_parts, true())
        .where(
            Area.until.is_(None),
            Area.level == Level.CITY,
            ~func.ST_Covers(Area.geom, _HERE),
            func.ST_Covers(func.ST_MakePolygon(func.ST_ExteriorRing(_parts.c.geom), type_=Geometry), _HERE),
        )
    )
)

# The covering street of many points at once: the same condition as COVERING. Area by area, for what PostGIS prepares of
# a shape serves the points that it is compared with one after the other.
_points, _ = many_points()


def _covering_each(level: Level) -> Select[Any]:
    spot = _place(_points.c.lon, _points.c.lat)
    # OFFSET keeps the level out of the choice of an index: right after a pack was loaded there are no statistics.
    around = (
        select(Area.code, Area.level, Area.area_m2, Area.geom)
        .where(Area.until.is_(None), Area.geom.bool_op("&&")(spot))
        .offset(0)
        .lateral("around")
    )
    near = (
        select(_points.c.number, spot.label("spot"), around.c.code, around.c.area_m2, around.c.geom)
        .select_from(_points)
        .join(around, around.c.level == level)
        .order_by(around.c.code)
        .cte("near")
        .prefix_with("MATERIALIZED")
    )
    area = (
        select(near.c.number, near.c.code)
        .where(func.ST_Covers(near.c.geom, near.c.spot))
        .ext(distinct_on(near.c.number))
        .order_by(near.c.number, near.c.area_m2, near.c.code)
        .subquery("area")
    )
    joined = _points.outerjoin(area, area.c.number == _points.c.number)
    return select(area.c.code).select_from(joined).order_by(_points.c.number)


STREETS = _covering_each(Level.STREET)
COMMUNITIES = _covering_each(Level.COMMUNITY)

# A point inside a middle-sized street, for an example that works in every city.
MIDDLE = (
    select(func.ST_AsBinary(func.ST_PointOnSurface(Area.geom)).label("point"))
    .where(Area.until.is_(None), Area.level == Level.STREET)
    .order_by(Area.area_m2, Area.code)
    .offset(
        select(func.count() / literal(2, Integer))
        .where(Area.until.is_(None), Area.level == Level.STREET)
        .scalar_subquery()
    )
    .limit(1)
)

__all__ = ["COMMUNITIES", "COVERING", "IN_HOLE", "MIDDLE", "NEAREST", "SHARES", "STREETS", "ewkb_hex", "wkb"]

# The current area that covers most of a dropped one of the same level, at least a tenth of it.
_OLD = aliased(Area, name="old")
_COMMON = func.ST_Area(func.ST_Intersection(_OLD.geom, Area.geom))
SUCCESSOR = (
    select(Area.code)
    .join(_OLD, and_(_OLD.level == Area.level, func.ST_Intersects(_OLD.geom, Area.geom)))
    .where(Area.until.is_(None), _OLD.code == bindparam("code"), _OLD.until == bindparam("dropped_in"))
    .where(func.ST_Area(_OLD.geom) / 10 <= _COMMON)
    .order_by(_COMMON.desc(), Area.code)
    .limit(1)
)
