from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Polygon, box
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.geo import measure
from app.geo.types import Point


def square(lon: float, lat: float, east_m: float, north_m: float) -> Polygon:
    east, north = measure.metres_per_degree(lat)
    return box(lon, lat, lon + east_m / east, lat + north_m / north)


@given(lat=st.floats(-80, 80), radius=st.floats(1, 5000))
def test_a_circle_has_the_area_of_a_circle(lat: float, radius: float) -> None:
    drawn = measure.circle(Point(114.0, lat), radius)

    assert measure.area_m2(drawn) == pytest.approx(math.pi * radius * radius, rel=2e-3)


def test_areas_and_circles_agree_with_the_database(session: Session) -> None:
    shape = measure.circle(Point(114.05, 22.55), 1000)
    other = square(-71.06, 42.36, 300, 40)
    statement = text("SELECT ST_Area(ST_GeogFromText(:shape)), ST_Distance(ST_GeogFromText(:a), ST_GeogFromText(:b))")
    corner = shapely.Point(shape.exterior.coords[5]).wkt

    area, radius = session.execute(statement, {"shape": shape.wkt, "a": "POINT(114.05 22.55)", "b": corner}).one()
    area_other = session.scalar(text("SELECT ST_Area(ST_GeogFromText(:shape))"), {"shape": other.wkt})

    assert measure.area_m2(shape) == pytest.approx(area, rel=1e-5)
    assert measure.area_m2(other) == pytest.approx(area_other, rel=1e-5)
    assert radius == pytest.approx(1000, rel=2e-3)


@pytest.mark.parametrize(
    ("shape", "sliver"),
    [
        (square(114, 22, 9, 9), True),
        (square(114, 22, 2000, 0.8), True),
        (square(114, 22, 11, 11), False),
        (MultiPolygon([square(114, 22, 9, 9), square(114.1, 22, 9, 9)]), True),
        (MultiPolygon([square(114, 22, 9, 9), square(114.1, 22, 40, 40)]), False),
    ],
)
def test_a_sliver_is_small_or_thin_in_each_of_its_pieces(shape: Polygon | MultiPolygon, sliver: bool) -> None:
    assert measure.is_sliver(shape) is sliver


def test_the_outline_keeps_a_hole_and_fills_a_gap() -> None:
    town = square(114, 22, 1000, 1000)
    hole, gap = square(114.002, 22.002, 30, 30), square(114.006, 22.006, 300, 3)

    outline = measure.outline([town - hole - gap])

    assert [len(part.interiors) for part in outline.geoms] == [1]
    assert not outline.covers(hole.centroid)
    assert outline.covers(gap.centroid)


def test_only_the_polygons_of_a_shape_count() -> None:
    shape = GeometryCollection([LineString([(0, 0), (1, 1)]), box(0, 0, 1, 1), Polygon()])

    assert measure.polygons(shape) == [box(0, 0, 1, 1)]
