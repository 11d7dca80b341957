from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from app.geo.types import Point
from app.reports.joining import cells

LON = st.floats(-180, 180)
LAT = st.floats(-85, 85)
RADIUS = st.floats(1, 300)


@given(LON, LAT, RADIUS, st.floats(0, 2 * math.pi), st.floats(0, 0.99))
def test_the_cells_of_a_circle_hold_the_own_cell_of_every_point_in_it(
    lon: float, lat: float, radius: float, bearing: float, share: float
) -> None:
    here = Point(lon, lat)
    tall = share * radius / 111_320
    there = Point(lon + tall * math.sin(bearing) / math.cos(math.radians(lat)), lat + tall * math.cos(bearing))

    around = set(cells(here, radius))

    assert set(cells(there, 0.0)) <= around


@given(LAT, RADIUS)
def test_cells_meet_across_the_antimeridian(lat: float, radius: float) -> None:
    assert set(cells(Point(180.0, lat), radius)) & set(cells(Point(-180.0, lat), radius))
