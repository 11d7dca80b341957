from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalogue.models import PackVersion
from tests.catalogue.town import write_town


@pytest.fixture
def run(app: Flask, session: Session) -> CliRunner:
    """Give a runner of the application's commands over a database without a city."""
    return app.test_cli_runner()


def city(run: CliRunner, *words: object) -> Result:
    return run.invoke(args=["city", *map(str, words)])  # type: ignore[call-arg]  # the application's runner knows its commands


def test_check_prints_the_faults_and_ends_with_one_when_there_is_an_error(run: CliRunner, tmp_path: Path) -> None:
    result = city(run, "check", write_town(tmp_path, units=("works,city,town", "works,city,moon")))

    assert result.exit_code == 1
    assert result.output.splitlines() == ["units.csv:3: error: the area moon is not known", "1 errors, 0 warnings"]


def test_check_ends_well_when_there_are_only_warnings(run: CliRunner, tmp_path: Path) -> None:
    result = city(run, "check", write_town(tmp_path, units=("dispatch_centre", "mayor")))

    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "0 errors, 1 warnings"


def test_check_of_a_good_pack_says_what_it_holds(run: CliRunner, tmp_path: Path) -> None:
    result = city(run, "check", write_town(tmp_path))

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "City: Example Town (town), Europe/Dublin",
        "Box: longitude -6.3000 to -6.2000, latitude 53.3000 to 53.3500",
        "Areas of level street: 2 (West Side, East Side)",
        "Units: 4 (Town Hall, Public Works, West Side Office, East Side Office)",
        "Items: 3 (2 component, 1 event)",
        "Rules: 1",
        "Assets of class park: 1",
        "Calendar: IE, days of calendar.csv in: 2027",
        "Attribution: Drawn for this page.",
        "0 errors, 0 warnings",
    ]


def test_check_of_a_broken_file_tells_it_alone_and_says_so(run: CliRunner, tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    (folder / "units.csv").write_text((folder / "units.csv").read_text(encoding="utf-8").replace(",", ";"))

    result = city(run, "check", folder)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "units.csv:1: error: its cells are separated by semicolons, they must be by commas: save it as CSV with commas",
        "Mend this first: what depends on it was not checked.",
        "1 errors, 0 warnings",
    ]


def test_load_says_what_it_loaded_in_plain_lines(run: CliRunner, tmp_path: Path) -> None:
    result = city(run, "load", write_town(tmp_path))

    assert result.exit_code == 0
    assert "Loading: 12 of 12 rows" in result.output
    assert "Loaded as version 1: 3 areas, 4 units, 3 items, 1 rules, 1 assets." in result.output
    assert "\r" not in result.output


def test_load_again_says_that_nothing_changed(run: CliRunner, tmp_path: Path) -> None:
    city(run, "load", write_town(tmp_path))

    result = city(run, "load", tmp_path)

    assert result.output.splitlines()[-1] == "Nothing changed: version 1 holds these files already."


def test_load_of_a_pack_with_errors_lists_them_and_loads_nothing(
    run: CliRunner, session: Session, tmp_path: Path
) -> None:
    result = city(run, "load", write_town(tmp_path, units=("works,city,town", "works,city,moon")))

    assert result.exit_code == 1
    assert "units.csv:3: error: the area moon is not known" in result.output
    assert "Nothing was loaded." in result.output
    assert session.scalar(select(func.count()).select_from(PackVersion)) == 0


def test_load_of_another_city_is_refused(run: CliRunner, tmp_path: Path) -> None:
    city(run, "load", write_town(tmp_path))
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace('"town"', '"village"').replace(",town\n", ",village\n"))

    result = city(run, "load", tmp_path)

    assert result.exit_code == 1
    assert "One database holds one city. Nothing was loaded." in result.output


def test_load_if_empty_does_nothing_when_a_city_is_loaded(run: CliRunner, tmp_path: Path) -> None:
    first = city(run, "load", "--if-empty", write_town(tmp_path))
    changed = write_town(tmp_path / "next", units=("Public Works", "Works"))

    second = city(run, "load", "--if-empty", changed)

    assert "Loaded as version 1" in first.output
    assert second.output == "A pack is loaded already.\n"


def test_a_folder_that_is_not_there_is_one_clear_line(run: CliRunner) -> None:
    result = city(run, "load", "nowhere")

    assert result.exit_code == 2
    assert "Directory 'nowhere' does not exist" in result.output


def test_sample_prints_a_place_and_an_item(run: CliRunner, tmp_path: Path) -> None:
    city(run, "load", write_town(tmp_path))

    lon, lat, item = city(run, "sample").output.split()

    assert (-6.3 < float(lon) < -6.2, 53.3 < float(lat) < 53.35, item) == (True, True, "lamp")


def test_sample_without_a_city_says_what_to_do(run: CliRunner) -> None:
    result = city(run, "sample")

    assert result.exit_code == 1
    assert "flask city load" in result.output


def test_areas_lists_codes_and_names_from_the_city_down(run: CliRunner, tmp_path: Path) -> None:
    city(run, "load", write_town(tmp_path))

    lines = city(run, "areas").output.splitlines()

    assert lines == [
        "town\tcity\t-\t-\tExample Town",
        "east\tstreet\ttown\t-\tEast Side",
        "west\tstreet\ttown\t-\tWest Side",
    ]


def test_areas_can_be_narrowed_to_a_level_and_to_words(run: CliRunner, tmp_path: Path) -> None:
    city(run, "load", write_town(tmp_path))

    assert city(run, "areas", "--level", "city").output.split("\t")[0] == "town"
    assert city(run, "areas", "--q", "EAST side").output.split("\t")[0] == "east"


def test_units_lists_codes_with_role_and_area_as_lines_or_json(run: CliRunner, tmp_path: Path) -> None:
    city(run, "load", write_town(tmp_path))

    found = json.loads(city(run, "units", "--q", "public", "--json").output)

    assert found == [{"code": "works", "role": "works", "area_code": "town", "name_zh": "", "name_en": "Public Works"}]
    assert "west-office\tstreet_office\twest\t-\tWest Side Office" in city(run, "units").output.splitlines()


@pytest.mark.parametrize("command", ["areas", "units"])
def test_a_list_without_a_city_says_what_to_do(run: CliRunner, command: str) -> None:
    result = city(run, command)

    assert result.exit_code == 1
    assert "flask city load" in result.output
