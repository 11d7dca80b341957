"""``locate`` against the wards that the City of Boston recorded."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape
from sqlalchemy.orm import Session

from app.geo.errors import OutsideCity
from app.geo.measure import polygons
from app.geo.models import Level
from app.geo.service import Match, locate, places_of, streets_of
from app.geo.types import Point

LIMIT_M = 300
FANEUIL_HALL = Point(-71.0562, 42.3600)


def test_the_ward_is_the_recorded_one_for_99_of_100_requests(boston: Session, shared: Path) -> None:
    with gzip.open(shared / "cities" / "boston" / "history.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    points = [Point(float(row["lon"]), float(row["lat"])) for row in rows]

    wards = [ward or _nearest(boston, point) for ward, point in zip(streets_of(boston, points), points, strict=True)]

    agreed = sum(ward == row["recorded_area"] for ward, row in zip(wards, rows, strict=True))
    assert len(rows) == 29366
    assert agreed / len(rows) >= 0.99


def test_many_points_at_once_are_found_as_one_by_one(boston: Session, shared: Path) -> None:
    with gzip.open(shared / "cities" / "boston" / "history.csv.gz", "rt", encoding="utf-8") as file:
        points = [Point(float(row["lon"]), float(row["lat"])) for row in list(csv.DictReader(file))[::150]]

    places = [locate(boston, point, nearest_limit_m=100_000) for point in points]

    single = [place.street.code if place.match is Match.EXACT else None for place in places]
    assert streets_of(boston, points) == single
    assert places_of(boston, points, nearest_limit_m=100_000) == places


def test_a_community_comes_before_the_street_and_there_is_no_district(boston: Session) -> None:
    place = locate(boston, FANEUIL_HALL, 10, nearest_limit_m=LIMIT_M)

    assert [area.level for area in place.areas] == [Level.COMMUNITY, Level.STREET, Level.CITY]
    assert [area.name for area in place.areas] == ["Downtown", "Ward 3", "Boston"]
    assert place.district is None


def test_a_gap_between_wards_belongs_to_the_nearest_one(boston: Session) -> None:
    gap = Point(-71.13229, 42.282574)

    place = locate(boston, gap, nearest_limit_m=LIMIT_M)

    assert place.match is Match.NEAREST
    assert place.distance_m < 2


def test_the_smaller_ward_has_the_sliver_in_which_two_overlap(boston: Session, shared: Path) -> None:
    content = json.loads((shared / "cities" / "boston" / "areas.street.geojson").read_text(encoding="utf-8"))
    wards = {one["properties"]["code"]: shape(one["geometry"]) for one in content["features"]}
    both = shapely.intersection(wards["ward-18"], wards["ward-20"])
    sliver = max(polygons(both), key=lambda piece: float(piece.area)).representative_point()

    places = [locate(boston, Point(sliver.x, sliver.y), accuracy, nearest_limit_m=LIMIT_M) for accuracy in (0, 10)]

    smaller = min("ward-18", "ward-20", key=lambda code: float(wards[code].area))
    assert {place.street.code for place in places} == {smaller}
    assert {one.area.code for one in places[1].candidates} == {"ward-18", "ward-20"}


def _nearest(session: Session, point: Point) -> str | None:
    try:
        return locate(session, point, nearest_limit_m=LIMIT_M).street.code
    except OutsideCity:
        return None


@pytest.mark.parametrize("point", [Point(-71.06, 42.10), Point(42.36, -71.06)])
def test_a_point_elsewhere_is_refused(boston: Session, point: Point) -> None:
    with pytest.raises(OutsideCity):
        locate(boston, point, nearest_limit_m=LIMIT_M)
