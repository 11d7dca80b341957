from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import shape
from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.assets.models import Asset
from app.assets.service import NearAsset
from app.catalogue.city import City, current_city
from app.catalogue.models import Item, Origin, Responsibility
from app.catalogue.queries import list_items
from app.catalogue.service import get_item
from app.dispatch.resolve import Resolution, find_asset, resolve
from app.geo.errors import OutsideCity
from app.geo.models import Area, Level
from app.geo.service import AreaRef, Match, Place, locate
from app.geo.types import Point
from tests.make import YUEHAI
from tests.scale import short_or_long

TODAY = dt.date(2026, 11, 23)
STREET, DISTRICT, CITY = "440305007", "440305", "440300"


def place_of(*codes: str) -> Place:
    levels = (Level.STREET, Level.DISTRICT, Level.CITY)
    areas = tuple(AreaRef(code, level, code, code) for code, level in zip(codes, levels, strict=True))
    return Place(
        point=Point(*YUEHAI),
        accuracy_m=0,
        street=areas[0],
        areas=areas,
        match=Match.EXACT,
        distance_m=0,
        approximate=False,
        candidates=(),
    )


HERE = place_of(STREET, DISTRICT, CITY)


@pytest.fixture
def city(shenzhen: Session) -> City:
    return current_city(shenzhen)


def add_rule(session: Session, unit: str, **columns: Any) -> None:
    empty = {"item": "", "role": "", "asset_owner": "", "area": "", "valid_from": dt.date(2026, 1, 1)}
    values = empty | {"origin": Origin.PACK, "note": "", "since": 1, "digest": "made up"} | columns
    session.execute(insert(Responsibility).values(id=uuid7(), unit=unit, **values))


def resolve_here(session: Session, city: City, item: str, asset: NearAsset | None = None) -> Resolution:
    return resolve(session, get_item(session, item), HERE, asset, city=city, on=TODAY)


def owned_by(owner: str) -> NearAsset:
    return NearAsset(Asset(code="x-1", asset_class="street_light", name="", owner=owner), 3.0)


def test_without_a_rule_the_role_of_the_item_in_the_smallest_area_is_responsible(shenzhen: Session, city: City) -> None:
    assert resolve_here(shenzhen, city, "S0102").unit.code == "440305-urban_management"
    assert resolve_here(shenzhen, city, "B0121").unit.code == "sz-street_lighting"
    assert resolve_here(shenzhen, city, "S0101").unit.role == "street_office"


def test_a_role_that_nobody_has_falls_back_to_the_street(shenzhen: Session, city: City) -> None:
    item = get_item(shenzhen, "S0102")
    shenzhen.expunge(item)
    item.responsible_role = "nobody"

    found = resolve(shenzhen, item, HERE, None, city=city, on=TODAY)

    assert found.unit.area_code == STREET
    assert found.explanation["basis"] == "fallback"


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ({"role": "street_lighting"}, {"area": CITY}),
        ({"area": CITY}, {"area": DISTRICT}),
        ({"area": DISTRICT}, {"area": STREET}),
        ({"area": STREET, "role": "street_lighting"}, {"item": "B0121"}),
        ({"item": "B0121", "area": CITY, "role": "street_lighting"}, {"item": "B0121", "area": STREET}),
        ({"item": "B0121", "area": STREET, "role": "street_lighting"}, {"asset_owner": "sz-power"}),
        ({"asset_owner": "sz-power"}, {"asset_owner": "sz-power", "role": "street_lighting"}),
        ({"item": "B0121", "valid_from": dt.date(2025, 1, 1)}, {"item": "B0121", "valid_from": dt.date(2026, 6, 1)}),
        ({"item": "B0121"}, {"item": "B0121", "origin": Origin.RULING}),
    ],
)
def test_the_more_specific_rule_wins(
    shenzhen: Session, city: City, weaker: dict[str, Any], stronger: dict[str, Any]
) -> None:
    add_rule(shenzhen, "sz-gas", **weaker)
    add_rule(shenzhen, "sz-parks", **stronger)

    asset = owned_by("sz-power") if "asset_owner" in stronger else None
    found = resolve_here(shenzhen, city, "B0121", asset)

    assert found.unit.code == "sz-parks"
    assert found.explanation["rule"]["origin"] == stronger.get("origin", "pack")
    assert "sz-gas" in [other["unit"] for other in found.explanation["not_chosen"]]


def test_the_owner_of_the_asset_stands_as_a_rule_of_its_own(shenzhen: Session, city: City) -> None:
    add_rule(shenzhen, "sz-gas", item="B0121", area=STREET)

    found = resolve_here(shenzhen, city, "B0121", owned_by("sz-power"))

    assert found.unit.code == "sz-power"
    assert found.explanation["basis"] == "asset_owner"
    assert found.explanation["asset"]["distance_m"] == 3.0


def test_an_owner_that_is_no_unit_is_passed_over(shenzhen: Session, city: City) -> None:
    assert resolve_here(shenzhen, city, "B0121", owned_by("somebody")).unit.code == "sz-street_lighting"


def test_a_rule_of_tomorrow_does_not_hold_today(shenzhen: Session, city: City) -> None:
    add_rule(shenzhen, "sz-parks", item="B0121", valid_from=TODAY + dt.timedelta(days=1))

    assert resolve_here(shenzhen, city, "B0121").unit.code == "sz-street_lighting"


def test_the_rules_of_the_pack_hold(shenzhen: Session, city: City) -> None:
    futian = place_of("440304009", "440304", CITY)

    park = resolve(shenzhen, get_item(shenzhen, "B0408"), futian, None, city=city, on=TODAY)

    assert park.unit.code == "sz-parks"
    assert park.explanation["rule"]["note"].startswith("City parks in Futian")


def places(session: Session) -> Iterator[Place]:
    statement = select(Area.code, Area.parent).where(Area.until.is_(None), Area.level == Level.STREET)
    for code, parent in session.execute(statement):
        yield place_of(code, parent, CITY)


@pytest.mark.long
def test_every_item_in_every_street_has_a_responsible_unit(shenzhen: Session, city: City) -> None:
    items = list_items(shenzhen)
    streets = list(places(shenzhen))

    pairs = list(product(items, streets))[:: short_or_long(11, 1)]  # 11 divides neither number: all of both are met
    found = [resolve(shenzhen, item, street, None, city=city, on=TODAY).unit for item, street in pairs]

    assert (len(items), len(streets), len(found)) == (84, 74, short_or_long(566, 6216))
    assert ({item.code for item, _ in pairs}, {street.street.code for _, street in pairs}) == (
        {item.code for item in items},
        {street.street.code for street in streets},
    )
    assert all(unit.code for unit in found)


@pytest.mark.long
def test_a_catalogue_of_four_thousand_items_has_a_responsible_unit_for_each(shenzhen: Session, city: City) -> None:
    model = get_item(shenzhen, "S0102")
    columns = {column.name: getattr(model, column.name) for column in Item.__table__.columns if column.name != "id"}
    roles = ["urban_management", "water_affairs", "nobody", "street_office", "gas"]
    rows = [
        columns | {"id": uuid7(), "code": f"X{number:04}", "responsible_role": roles[number % len(roles)]}
        for number in range(4000)
    ]
    shenzhen.execute(insert(Item), rows)
    for number in range(0, 4000, 7):
        add_rule(shenzhen, "sz-parks", item=f"X{number:04}", area=DISTRICT)
    streets = list(places(shenzhen))

    every = [item for item in list_items(shenzhen) if item.code.startswith("X")]
    items = every[:: short_or_long(9, 1)]
    found = {
        item.code: resolve(shenzhen, item, streets[position % 74], None, city=city, on=TODAY).unit
        for position, item in enumerate(items)
    }

    assert (len(every), len(found)) == (4000, short_or_long(445, 4000))
    assert resolve_here(shenzhen, city, "X0007").unit.code == "sz-parks"


def test_a_point_in_a_park_of_boston_goes_to_the_owner_of_the_park(boston: Session, shared: Path) -> None:
    city = current_city(boston)
    item = get_item(boston, "tree-emergencies")
    parks = json.loads((shared / "cities/boston/assets.park.geojson").read_text())["features"][::10]
    same = outside = 0

    for park in parks:
        inside = shape(park["geometry"]).representative_point()
        point = Point(inside.x, inside.y)
        try:
            place = locate(boston, point, nearest_limit_m=city.nearest_street_limit_m)
        except OutsideCity:  # islands of the harbour that belong to no ward
            outside += 1
            continue
        found = resolve(boston, item, place, find_asset(boston, item, place, city=city), city=city, on=TODAY)

        # Where parks overlap the smaller one counts.
        asset = found.explanation["asset"]
        assert found.unit.code == asset["owner"]
        assert found.explanation["basis"] == "asset_owner"
        same += asset["code"] == park["properties"]["id"]

    assert outside <= 3
    assert same >= 0.9 * (len(parks) - outside)
