from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from app.dispatch.cli import dispatch
from app.geo.datums import Datum, from_wgs84
from app.geo.types import Point
from tests.make import YUEHAI


def run(app: Flask, *words: str) -> str:
    result = app.test_cli_runner().invoke(dispatch, ["explain", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_says_the_unit_the_areas_and_the_rule(app: Flask, shenzhen: Session) -> None:
    lon, lat = YUEHAI

    said = run(app, "--lon", str(lon), "--lat", str(lat), "--item", "S0102")

    assert "440305-urban_management" in said
    assert "粤海街道 (440305007, street) < 南山区 (440305, district) < 深圳市 (440300, city)" in said
    assert '"basis": "role"' in said


def test_without_an_item_it_takes_the_fallback_and_reads_the_datum(app: Flask, shenzhen: Session) -> None:
    lon, lat = from_wgs84(Point(*YUEHAI), Datum.GCJ02)

    said = run(app, "--lon", str(lon), "--lat", str(lat), "--datum", "gcj02", "--accuracy", "3000")

    assert "440305007-street_office" in said
    assert '"share": 1.0' not in said


def test_outside_the_city_it_says_so_in_one_line(app: Flask, shenzhen: Session) -> None:
    result = app.test_cli_runner().invoke(dispatch, ["explain", "--lon", "0", "--lat", "0"])

    assert result.exit_code == 1
    assert result.output.startswith("Error: The position lies outside the city. The nearest area is")
    assert result.output.count("\n") == 1
