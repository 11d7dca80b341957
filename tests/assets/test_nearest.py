from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import shape
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.assets.models import Asset
from app.assets.service import covering_asset, covering_assets, holds_class, nearest_asset, nearest_assets
from app.geo.measure import metres_per_degree
from app.geo.types import Point
from app.versions import supersede

HERE = Point(114.05, 22.55)


def moved(east_m: float, north_m: float) -> Point:
    east, north = metres_per_degree(HERE.lat)
    return Point(HERE.lon + east_m / east, HERE.lat + north_m / north)


def corners(*offsets: tuple[float, float]) -> list[tuple[float, float]]:
    return [(found.lon, found.lat) for found in (moved(*offset) for offset in offsets)]


def add(session: Session, **shapes: Any) -> None:
    """Make the shapes assets of the class that their name starts with: ``lamp_1``."""
    rows = [
        {
            "code": code,
            "asset_class": code.split("_")[0],
            "name": "",
            "owner": "",
            "geom": shapely.to_wkb(shapely.set_srid(one, 4326), hex=True, include_srid=True),
            "properties": {},
        }
        for code, one in shapes.items()
    ]
    supersede(session, Asset, rows, version=1, key=("asset_class", "code"))


def square(middle_m: float, half_m: float) -> shapely.Polygon:
    near, far = middle_m - half_m, middle_m + half_m
    return shapely.Polygon(corners((near, -half_m), (far, -half_m), (far, half_m), (near, half_m)))


def test_the_nearest_of_a_class_is_found_with_its_true_distance(session: Session) -> None:
    add(
        session,
        lamp_east=shapely.Point(*corners((20, 0))[0]),
        lamp_north=shapely.Point(*corners((0, 18))[0]),
        tree_1=shapely.Point(*corners((1, 0))[0]),
    )

    found = nearest_asset(session, HERE, asset_class="lamp", within_m=25)

    assert found
    assert (found.asset.code, found.is_point) == ("lamp_north", True)
    assert found.distance_m == pytest.approx(18, abs=0.05)


def test_nothing_is_found_beyond_the_distance(session: Session) -> None:
    add(session, lamp_1=shapely.Point(*corners((20, 0))[0]))

    assert nearest_asset(session, HERE, asset_class="lamp", within_m=19.9) is None
    assert nearest_asset(session, HERE, asset_class="lamp", within_m=20.1)
    assert nearest_asset(session, HERE, asset_class="tree", within_m=100) is None


def test_a_line_is_as_far_as_its_nearest_part(session: Session) -> None:
    add(session, road_1=shapely.LineString(corners((-500, 7), (500, 7))))

    found = nearest_asset(session, HERE, asset_class="road", within_m=25)

    assert found
    assert found.distance_m == pytest.approx(7, abs=0.05)
    assert not found.is_point


def test_inside_a_polygon_the_distance_is_nothing(session: Session) -> None:
    add(session, park_1=square(0, 100))

    found = nearest_asset(session, HERE, asset_class="park", within_m=0)

    assert found
    assert found.distance_m == 0


def test_of_two_polygons_around_a_point_the_smaller_counts_then_the_code(session: Session) -> None:
    add(session, park_1=square(0, 100), park_3=square(0, 50), park_2=square(0, 50))

    found = nearest_asset(session, HERE, asset_class="park", within_m=25)

    assert found
    assert found.asset.code == "park_2"


def test_an_asset_of_an_old_version_is_not_found(session: Session) -> None:
    add(session, lamp_1=shapely.Point(*corners((5, 0))[0]))
    session.execute(text("UPDATE assets SET until = 2"))

    assert nearest_asset(session, HERE, asset_class="lamp", within_m=25) is None
    assert not holds_class(session, "lamp")


def test_a_class_is_held_or_not(shenzhen: Session) -> None:
    assert holds_class(shenzhen, "charging_station")
    assert not holds_class(shenzhen, "manhole")


def test_a_point_in_a_park_of_boston_gives_the_parks_owner(boston: Session, shared: Path) -> None:
    content = json.loads((shared / "cities" / "boston" / "assets.park.geojson").read_text(encoding="utf-8"))
    parks = {
        one["properties"]["id"]: (one["properties"]["owner"], shape(one["geometry"])) for one in content["features"]
    }

    found = {}
    for code in sorted(parks)[::10]:
        middle = parks[code][1].representative_point()
        found[code] = nearest_asset(boston, Point(middle.x, middle.y), asset_class="park", within_m=25)

    assert {code: near.asset.owner for code, near in found.items() if near and near.asset.code == code}
    for near in found.values():
        assert near
        assert near.distance_m == 0
        assert near.asset.owner == parks[near.asset.code][0] != ""
    assert sum(near is not None and near.asset.code == code for code, near in found.items()) >= 0.9 * len(found)


def test_the_ground_under_a_point_is_the_smallest_polygon_of_any_class(session: Session) -> None:
    add(session, park_1=square(0, 100), playground_1=square(0, 10), lamp_1=shapely.Point(HERE.lon, HERE.lat))

    found = covering_asset(session, HERE)

    assert found
    assert (found.asset.code, found.distance_m, found.is_point) == ("playground_1", 0, False)
    assert covering_asset(session, moved(500, 0)) is None


def test_the_nearest_is_read_by_the_index(shenzhen: Session) -> None:
    shenzhen.execute(text("SET LOCAL enable_seqscan = off"))
    statement = (
        "SELECT code FROM assets WHERE until IS NULL AND ST_DWithin(geom, ST_MakePoint(114.05, 22.55)::geography, 25)"
    )

    plan = "\n".join(shenzhen.scalars(text(f"EXPLAIN {statement}")))

    assert "ix_assets_current_geom" in plan


def test_many_points_at_once_are_found_as_one_by_one(boston: Session, shared: Path) -> None:
    content = json.loads((shared / "cities" / "boston" / "assets.park.geojson").read_text(encoding="utf-8"))
    shapes = [shape(one["geometry"]) for one in content["features"]][::25]
    middles = [each.representative_point() for each in shapes]
    # Inside, at the edge, around, and far away from the parks.
    points = [Point(each.x + aside, each.y) for each in middles for aside in (0.0, 0.0006, 0.002)]
    points += [Point(each.bounds[2], each.bounds[3]) for each in shapes] + [HERE]

    grounds = covering_assets(boston, points)
    parks = nearest_assets(boston, points, asset_class="park", within_m=25)

    assert grounds == [covering_asset(boston, point) for point in points]
    assert parks == [nearest_asset(boston, point, asset_class="park", within_m=25) for point in points]
    assert 20 < sum(each is not None for each in grounds) < sum(each is not None for each in parks) < len(points)
    assert nearest_assets(boston, points[:9], asset_class="lamp", within_m=25) == [None] * 9
    assert covering_assets(boston, []) == []


def test_at_one_distance_the_smaller_one_counts_for_many_points_too(session: Session) -> None:
    add(session, park_1=square(0, 100), park_2=square(0, 10), lamp_1=shapely.Point(HERE.lon, HERE.lat))
    points = [HERE, moved(50, 0), moved(110, 0), moved(500, 0)]

    found = nearest_assets(session, points, asset_class="park", within_m=25)
    grounds = covering_assets(session, points)

    assert [near and near.asset.code for near in found] == ["park_2", "park_1", "park_1", None]
    assert [near and near.asset.code for near in grounds] == ["park_2", "park_1", None, None]
