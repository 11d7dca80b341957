"""``locate`` on the real boundaries of Shenzhen."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import shapely
from PIL import Image
from shapely.geometry import shape
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.geo.datums import Datum, to_wgs84
from app.geo.errors import OutsideCity
from app.geo.measure import circle, metres_per_degree
from app.geo.models import Level
from app.geo.service import Match, locate, sample_point, streets_of
from app.geo.types import Point

LIMIT_M = 300
YUEHAI = Point(113.9391, 22.5251)
PORT = Point(113.946012, 22.498004)
MIRS_BAY = Point(114.45, 22.50)


@pytest.fixture(scope="module")
def streets(shared: Path) -> dict[str, Any]:
    """Give the shapes of the street offices by code, read beside the product."""
    content = json.loads((shared / "cities" / "shenzhen" / "areas.street.geojson").read_text(encoding="utf-8"))
    return {one["properties"]["code"]: shape(one["geometry"]) for one in content["features"]}


def moved(point: Point, east_m: float, north_m: float) -> Point:
    east, north = metres_per_degree(point.lat)
    return Point(point.lon + east_m / east, point.lat + north_m / north)


def test_a_point_in_a_street_has_the_street_its_district_and_the_city(shenzhen: Session) -> None:
    place = locate(shenzhen, YUEHAI, nearest_limit_m=LIMIT_M)

    assert place.match is Match.EXACT
    assert place.distance_m == 0
    assert [(area.level, area.name_zh) for area in place.areas] == [
        (Level.STREET, "粤海街道"),
        (Level.DISTRICT, "南山区"),
        (Level.CITY, "深圳市"),
    ]
    assert place.district
    assert place.district.code == "440305"
    assert not place.approximate
    assert [(one.area, one.share) for one in place.candidates] == [(place.street, 1.0)]


def test_the_middle_of_every_street_lies_in_it(shenzhen: Session, streets: dict[str, Any]) -> None:
    for code, area in streets.items():
        middle = area.representative_point()

        place = locate(shenzhen, Point(middle.x, middle.y), 0.1, nearest_limit_m=LIMIT_M)

        assert (place.street.code, place.match) == (code, Match.EXACT)


def test_the_common_case_is_one_statement(shenzhen: Session) -> None:
    told: list[str] = []

    def tell(*arguments: Any) -> None:
        told.append(arguments[2])

    connection = shenzhen.connection()
    event.listen(connection, "before_cursor_execute", tell)
    locate(shenzhen, YUEHAI, 20, nearest_limit_m=LIMIT_M)

    assert len(told) == 1


def test_the_common_case_reads_a_few_pages_by_the_index(shenzhen: Session) -> None:
    caught: list[tuple[str, Any]] = []
    connection = shenzhen.connection()
    event.listen(connection, "before_cursor_execute", lambda *told: caught.append((told[2], told[3])))
    locate(shenzhen, YUEHAI, 20, nearest_limit_m=LIMIT_M)
    statement, values = caught[0]

    plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values).scalar_one()

    assert "ix_areas_current_geom" in json.dumps(plan)
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 60


def test_a_point_on_a_border_belongs_to_the_smaller_street(shenzhen: Session, streets: dict[str, Any]) -> None:
    corner, owners = _corner(streets, least=2)

    place = locate(shenzhen, corner, nearest_limit_m=LIMIT_M)

    smallest = min(owners, key=lambda code: float(streets[code].area))
    assert (place.street.code, place.match, place.distance_m) == (smallest, Match.EXACT, 0)


def test_a_point_where_three_streets_meet_has_all_three_as_candidates(
    shenzhen: Session, streets: dict[str, Any]
) -> None:
    corner, owners = _corner(streets, least=3)

    place = locate(shenzhen, corner, 5, nearest_limit_m=LIMIT_M)

    assert place.street.code in owners
    assert {one.area.code for one in place.candidates} == owners
    assert sum(one.share for one in place.candidates) == pytest.approx(1, abs=1e-3)
    assert [one.share for one in place.candidates] == sorted((one.share for one in place.candidates), reverse=True)


def test_shares_are_those_of_the_circle(shenzhen: Session, streets: dict[str, Any]) -> None:
    corner, _ = _corner(streets, least=2)
    around = circle(corner, 400)

    place = locate(shenzhen, corner, 400, nearest_limit_m=LIMIT_M)

    expected = {code: area.intersection(around).area / around.area for code, area in streets.items()}
    for candidate in place.candidates:
        assert candidate.share == pytest.approx(expected[candidate.area.code], abs=1e-3)
    assert sum(one.share for one in place.candidates) <= 1 + 1e-6


def test_a_huge_accuracy_counts_as_five_kilometres(shenzhen: Session) -> None:
    wide = locate(shenzhen, YUEHAI, 5_000, nearest_limit_m=LIMIT_M)
    wider = locate(shenzhen, YUEHAI, 5_000_000, nearest_limit_m=LIMIT_M)

    assert wider.candidates == wide.candidates
    assert wider.accuracy_m == 5_000_000


def test_a_point_in_the_port_area_is_refused_however_near_a_street_is(
    shenzhen: Session, streets: dict[str, Any]
) -> None:
    ways = [shapely.shortest_line(area, shapely.Point(PORT.lon, PORT.lat)).coords for area in streets.values()]
    nearest_m = min(Point(*way[0]).distance_m(PORT) for way in ways)

    with pytest.raises(OutsideCity) as refusal:
        locate(shenzhen, PORT, nearest_limit_m=LIMIT_M)

    assert nearest_m < LIMIT_M
    assert refusal.value.members["errors"][0]["pointer"] == "/lon"
    assert "does not belong to the city" in refusal.value.detail
    assert "蛇口街道" in refusal.value.detail


def test_a_beach_just_outside_the_coastline_belongs_to_the_nearest_street(
    shenzhen: Session, streets: dict[str, Any]
) -> None:
    beaches = list(_off_the_coast(streets, metres=60))

    for beach, code in beaches:
        place = locate(shenzhen, beach, 10, nearest_limit_m=LIMIT_M)

        assert (place.street.code, place.match) == (code, Match.NEAREST)
        assert place.distance_m == pytest.approx(60, abs=3)
        assert place.candidates[0].area == place.street
    assert len(beaches) >= 3


def test_a_point_at_sea_is_refused_with_the_nearest_street_and_its_distance(shenzhen: Session, shared: Path) -> None:
    at_sea = _position(shared / "data" / "photos" / "sz_sea_mirsbay_SYNTHETIC_GPS.jpg")

    with pytest.raises(OutsideCity) as refusal:
        locate(shenzhen, at_sea, nearest_limit_m=LIMIT_M)

    members = refusal.value.members
    assert members["distance_m"] > LIMIT_M
    assert members["nearest_area"].startswith("4403")
    assert members["nearest_name"] in refusal.value.detail


def test_the_limit_is_in_true_metres(shenzhen: Session, streets: dict[str, Any]) -> None:
    beach, _ = next(_off_the_coast(streets, metres=60))

    with pytest.raises(OutsideCity):
        locate(shenzhen, beach, nearest_limit_m=55)
    assert locate(shenzhen, beach, nearest_limit_m=65).match is Match.NEAREST


def test_the_nearest_street_is_nearest_in_metres_not_in_degrees(shenzhen: Session) -> None:
    statement = text(
        "SELECT code FROM areas WHERE until IS NULL AND level = 'street'"
        " ORDER BY ST_Distance(geom::geography, ST_MakePoint(:lon, :lat)::geography) LIMIT 1"
    )

    for point in (MIRS_BAY, Point(113.70, 22.45), Point(114.9, 22.9), Point(113.3, 23.1), Point(114.2, 22.3)):
        with pytest.raises(OutsideCity) as refusal:
            locate(shenzhen, point, nearest_limit_m=0)

        assert refusal.value.members["nearest_area"] == shenzhen.scalar(statement, {"lon": point.lon, "lat": point.lat})


@pytest.mark.parametrize("point", [Point(0, 0), Point(-120, 80), Point(179.99, -89.99), Point(-66, -22.6)])
def test_a_point_on_another_continent_is_refused(shenzhen: Session, point: Point) -> None:
    with pytest.raises(OutsideCity) as refusal:
        locate(shenzhen, point, 1e9, nearest_limit_m=LIMIT_M)

    assert refusal.value.members["distance_m"] > 1_000_000


def test_a_city_without_streets_has_no_place(session: Session) -> None:
    with pytest.raises(OutsideCity):
        locate(session, YUEHAI, nearest_limit_m=LIMIT_M)


def test_locate_holds_outside_of_a_transaction(shenzhen: Session) -> None:
    from app.db import Reading  # noqa: PLC0415  # bound by the fixture

    with Reading() as reading:
        assert locate(reading, YUEHAI, 10, nearest_limit_m=LIMIT_M).street.name_zh == "粤海街道"


def test_every_charging_station_sent_in_gcj02_falls_in_the_street_of_its_wgs84_position(
    shenzhen: Session, shared: Path
) -> None:
    path = shared / "cities" / "shenzhen" / "assets.charging_station.geojson"
    stations = json.loads(path.read_text(encoding="utf-8"))["features"]
    true = [Point(*station["geometry"]["coordinates"]) for station in stations]
    sent = [(one["properties"]["gcj02_lon"], one["properties"]["gcj02_lat"]) for one in stations]

    of_true = streets_of(shenzhen, true)
    of_sent = streets_of(shenzhen, [to_wgs84(lon, lat, Datum.GCJ02) for lon, lat in sent])
    of_unread = streets_of(shenzhen, [Point(lon, lat) for lon, lat in sent])

    assert len(stations) == 1587
    assert of_sent == of_true
    assert sum(one != other for one, other in zip(of_unread, of_true, strict=True)) > 300


def test_the_sample_point_lies_in_a_street(shenzhen: Session) -> None:
    point = sample_point(shenzhen)

    assert point
    assert locate(shenzhen, point, nearest_limit_m=0).match is Match.EXACT


def _corner(streets: dict[str, Any], *, least: int) -> tuple[Point, set[str]]:
    """Find a vertex that so many streets have in common, with the streets."""
    owners: dict[tuple[float, float], set[str]] = {}
    for code, area in streets.items():
        for corner in shapely.get_coordinates(area).tolist():
            owners.setdefault((corner[0], corner[1]), set()).add(code)
    wanted = Counter({corner: len(codes) for corner, codes in owners.items() if len(codes) == least})
    corner = min(wanted)
    return Point(*corner), owners[corner]


def _off_the_coast(streets: dict[str, Any], *, metres: float) -> Any:
    """Walk points so many metres south of the southernmost point of coastal streets, with the street's code."""
    city = shapely.union_all(list(streets.values()))
    for code, area in sorted(streets.items()):
        lon, lat = min(shapely.get_coordinates(area).tolist(), key=lambda corner: float(corner[1]))
        off = moved(Point(lon, lat), 0, -metres)
        owners = [other for other, their in streets.items() if their.intersects(shapely.Point(lon, lat))]
        if owners == [code] and not city.intersects(circle(off, metres * 0.97)):
            yield off, code


def _position(photo: Path) -> Point:
    with Image.open(photo) as image:
        gps = image.getexif().get_ifd(0x8825)
    lat, lon = (sum(float(part) / 60**power for power, part in enumerate(gps[tag])) for tag in (2, 4))
    return Point(lon, lat)
