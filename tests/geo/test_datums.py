from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geo.datums import EAST, NORTH, SOUTH, WEST, Datum, from_wgs84, shifted, to_wgs84
from app.geo.types import Point

# The shift is below 0.01 degrees everywhere; so far from the border a point and its image are on one side.
BAND = 0.02
EXACT_DEG = 1e-9
SHIFTS = (Datum.GCJ02, Datum.BD09)

inside = st.tuples(st.floats(WEST + BAND, EAST - BAND), st.floats(SOUTH + BAND, NORTH - BAND))
anywhere = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


def convert(lon: float, lat: float, source: Datum, target: Datum) -> tuple[float, float]:
    return from_wgs84(to_wgs84(lon, lat, source), target)


def test_every_published_value_is_met_within_its_tolerance(shared: Path) -> None:
    with (shared / "data" / "gcj02_reference.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    misses = []
    for row in rows:
        source, target = Datum(row["from_crs"].lower()), Datum(row["to_crs"].lower())
        lon, lat = convert(float(row["in_lng"]), float(row["in_lat"]), source, target)
        text = row["tolerance_deg"].split()[0]
        tolerance = 0.0 if text == "exact" else float(text)
        if max(abs(lon - float(row["out_lng"])), abs(lat - float(row["out_lat"]))) > tolerance:
            misses.append((row["place"], lon, lat))

    assert len(rows) == 60
    assert misses == []


def test_every_published_value_is_met_backwards_too(shared: Path) -> None:
    with (shared / "data" / "gcj02_reference.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not row["tolerance_deg"].startswith("exact")]

    for row in rows:
        source, target = Datum(row["from_crs"].lower()), Datum(row["to_crs"].lower())
        back = convert(float(row["out_lng"]), float(row["out_lat"]), target, source)
        tolerance = 2 * float(row["tolerance_deg"].split()[0])
        assert back == pytest.approx((float(row["in_lng"]), float(row["in_lat"])), abs=tolerance)


@pytest.mark.parametrize("datum", SHIFTS)
@given(position=inside)
def test_a_point_comes_back_from_a_shift(datum: Datum, position: tuple[float, float]) -> None:
    back = to_wgs84(*from_wgs84(Point(*position), datum), datum)

    assert (back.lon, back.lat) == pytest.approx(position, abs=EXACT_DEG)


@pytest.mark.parametrize("datum", SHIFTS)
@given(position=inside)
def test_a_shifted_position_comes_back_from_wgs84(datum: Datum, position: tuple[float, float]) -> None:
    there = from_wgs84(to_wgs84(*position, datum), datum)

    assert there == pytest.approx(position, abs=EXACT_DEG)


@pytest.mark.parametrize("datum", Datum)
@given(position=anywhere)
def test_a_conversion_ends_everywhere_and_moves_a_point_less_than_two_kilometres(
    datum: Datum, position: tuple[float, float]
) -> None:
    read = to_wgs84(*position, datum)

    assert abs(read.lon - position[0]) < BAND
    assert abs(read.lat - position[1]) < BAND


@pytest.mark.parametrize("datum", SHIFTS)
@given(position=anywhere.filter(lambda position: not shifted(*position)))
def test_outside_the_rectangle_nothing_is_shifted(datum: Datum, position: tuple[float, float]) -> None:
    assert from_wgs84(Point(*position), datum) == position
    assert to_wgs84(*position, datum) == Point(*position)


@pytest.mark.parametrize("datum", SHIFTS)
@pytest.mark.parametrize("edge", [(WEST, 30.0), (EAST, 40.0), (100.0, SOUTH), (110.0, NORTH)])
@pytest.mark.parametrize("step", [-1e-3, -1e-9, 0.0, 1e-9, 1e-3])
def test_a_position_at_the_border_of_the_rectangle_is_read(
    datum: Datum, edge: tuple[float, float], step: float
) -> None:
    lon, lat = edge[0] + step, edge[1] + step

    read = to_wgs84(lon, lat, datum)

    assert abs(read.lon - lon) < BAND
    assert abs(read.lat - lat) < BAND


def test_wgs84_stays_as_it_is() -> None:
    assert to_wgs84(114.05, 22.55, Datum.WGS84) == Point(114.05, 22.55)
    assert from_wgs84(Point(114.05, 22.55), Datum.WGS84) == (114.05, 22.55)
