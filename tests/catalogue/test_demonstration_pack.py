"""The built-in demonstration pack of cities/shenzhen."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import shapely
from shapely.geometry import shape
from sqlalchemy.orm import Session

from app.catalogue.city import current_city
from app.catalogue.packs import load_pack, read_pack
from app.geo.service import locate
from app.geo.types import Point
from tests.catalogue.town import PARTS, faults_of
from tests.make import NOW

PACK = Path(__file__).parents[2] / "cities" / "shenzhen"
FILES = ("areas.street.geojson", "areas.district.geojson")


@pytest.fixture(scope="module")
def cells() -> dict[str, Any]:
    content = json.loads((PACK / FILES[0]).read_text(encoding="utf-8"))
    return {one["properties"]["code"]: shape(one["geometry"]) for one in content["features"]}


@pytest.fixture
def demonstration(session: Session) -> Session:
    load_pack(session, read_pack(PACK), PARTS, now=NOW)
    return session


def centres() -> list[dict[str, str]]:
    with (PACK / "centres.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_it_has_no_fault_but_that_it_brings_no_assets() -> None:
    (fault,) = faults_of(PACK)

    assert fault.startswith("catalogue.csv: warning: no file assets.<class>.geojson for the classes accessibility, ")


def test_the_files_are_what_the_command_makes(tmp_path: Path) -> None:
    for name in ("make_cells.py", "centres.csv"):
        copy(PACK / name, tmp_path)

    subprocess.run([sys.executable, str(tmp_path / "make_cells.py")], check=True, capture_output=True)

    assert [(tmp_path / name).read_text() == (PACK / name).read_text() for name in FILES] == [True, True]


def test_the_cells_touch_and_never_overlap(cells: dict[str, Any]) -> None:
    assert len(cells) == 74
    assert shapely.coverage_is_valid(list(cells.values()))


def test_every_centre_lies_in_its_own_street_and_district(demonstration: Session) -> None:
    for row in centres():
        place = locate(demonstration, Point(float(row["lon"]), float(row["lat"])), nearest_limit_m=0)

        assert place.street.code == row["code"]
        assert place.district
        assert place.district.name_zh == row["district_zh"]


def test_it_says_that_it_is_approximate(demonstration: Session) -> None:
    city = current_city(demonstration)

    assert city.approximate
    assert "approximate" in city.name_en
    assert "近似" in city.name_zh
    assert "approximate" in city.attribution
    assert locate(demonstration, Point(114.107, 22.547), nearest_limit_m=0).approximate


def test_it_is_small() -> None:
    assert sum((PACK / name).stat().st_size for name in FILES) < 100_000
