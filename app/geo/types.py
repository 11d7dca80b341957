"""Points and their column type: WGS 84, longitude first, inside; metres outside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from geoalchemy2 import Geography, WKBElement
from geoalchemy2.shape import to_shape
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Dialect,
    Float,
    TableValuedAlias,
    bindparam,
    cast,
    column,
    func,
    literal,
    type_coerce,
)
from sqlalchemy.types import TypeDecorator

# Mean radius of the ellipsoid of WGS 84 (IUGG R1), metres.
EARTH_RADIUS_M = 6_371_008.8


@dataclass(frozen=True, slots=True)
class Point:
    """A position in degrees of WGS 84 (EPSG:4326), longitude first."""

    lon: float
    lat: float

    def distance_m(self, other: Point) -> float:
        """Give the great-circle distance in metres by the haversine formula (0.5 % of the ellipsoid's at most)."""
        lat_1, lat_2 = math.radians(self.lat), math.radians(other.lat)
        half = math.sin((lat_2 - lat_1) / 2) ** 2
        half += math.cos(lat_1) * math.cos(lat_2) * math.sin(math.radians(other.lon - self.lon) / 2) ** 2
        return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half)))


class GeographyPoint(TypeDecorator[Point]):
    """A column of points: ``geography(Point, 4326)`` in the database, ``Point`` in Python."""

    impl = Geography
    cache_ok = True

    def __init__(self) -> None:
        super().__init__("POINT", srid=4326, spatial_index=False)

    def process_bind_param(self, value: Point | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # the interface's
        """Write a point as EWKT."""
        return None if value is None else f"SRID=4326;POINT({value.lon!r} {value.lat!r})"

    def process_result_value(self, value: Any, dialect: Dialect) -> Point | None:  # noqa: ARG002  # the interface's
        """Read a point from the WKB that the database sends."""
        if value is None:
            return None
        shape: Any = to_shape(value if isinstance(value, WKBElement) else WKBElement(value))
        return Point(shape.x, shape.y)


def any_shape() -> Geography:
    """Give the type of a column of points, lines and polygons; the table declares its index."""
    return Geography("GEOMETRY", srid=4326, spatial_index=False)


def near_each(column: Any, other: ColumnElement[Any], radius_m: float) -> ColumnElement[bool]:
    """Match the rows of a geography column within a radius in metres of another geography."""
    return func.ST_DWithin(column, other, radius_m)


def metres_from(column: Any, other: ColumnElement[Any]) -> ColumnElement[float]:
    """Give the distance of a geography column from another geography in metres; 0 inside a polygon."""
    return cast(func.ST_Distance(column, other), Float)


def near(column: Any, point: Point, radius_m: float | ColumnElement[float]) -> ColumnElement[bool]:
    """Match the rows of a geography column within a radius in metres; a GiST index on the column serves it."""
    return func.ST_DWithin(column, literal(point, GeographyPoint()), radius_m)


def metres(column: Any, point: Point) -> ColumnElement[float]:
    """Give the distance of a geography column from a point in metres; 0 inside a polygon."""
    return cast(func.ST_Distance(column, literal(point, GeographyPoint())), Float)


def many_points() -> tuple[TableValuedAlias, ColumnElement[Any]]:
    """Give a table of points, numbered from 1, and the geography of each; ``lons`` and ``lats`` are its parameters."""
    columns = (bindparam("lons", type_=ARRAY(Float)), bindparam("lats", type_=ARRAY(Float)))
    rows = func.unnest(*columns).table_valued(
        column("lon", Float), column("lat", Float), with_ordinality="number", name="points"
    )
    points = rows.render_derived()
    spot = func.ST_SetSRID(func.ST_MakePoint(points.c.lon, points.c.lat), 4326)
    return points, cast(spot, Geography("POINT", srid=4326))


def meets(column: Any, other: ColumnElement[Any]) -> ColumnElement[bool]:
    """Match the rows of a geography column whose box meets that of another geography; a GiST index serves it."""
    return column.bool_op("&&")(other)  # type: ignore[no-any-return]  # a column of any type


def touches(geography: Any, other: ColumnElement[Any]) -> ColumnElement[bool]:
    """Match the rows of a geography column that have a spot in common with another geography."""
    return func.ST_Intersects(geography, other)


def away(column: Any, point: Point) -> ColumnElement[float]:
    """Give the distance of a column of points from a point in metres, by which a GiST index can walk outwards."""
    return type_coerce(column.op("<->")(literal(point, GeographyPoint())), Float)


def square_metres(column: Any) -> ColumnElement[float]:
    """Give the area of a geography column in square metres; 0 for points and lines."""
    return cast(func.ST_Area(column), Float)


def is_point(column: Any) -> ColumnElement[bool]:
    """Tell whether the shapes of a geography column are points."""
    return _dimension(column) == 0


def is_polygon(column: Any) -> ColumnElement[bool]:
    """Tell whether the shapes of a geography column are polygons."""
    return _dimension(column) == 2  # noqa: PLR2004  # the dimension of a surface


def _dimension(column: Any) -> ColumnElement[int]:
    return func.ST_Dimension(func.geometry(column))
