"""What spreadsheets and map programs do to a pack: each is told once, with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.catalogue.town import faults_of, write_town


def rewrite(path: Path, encoding: str, old: str = "", new: str = "") -> None:
    """Write a file again in another encoding."""
    path.write_bytes(path.read_text(encoding="utf-8").replace(old, new).encode(encoding))


@pytest.mark.parametrize("name", ["units.csv", "catalogue.csv", "city.toml", "areas.street.geojson"])
def test_utf_16_is_told_first_and_alone(tmp_path: Path, name: str) -> None:
    folder = write_town(tmp_path)
    rewrite(folder / name, "utf-16")

    assert faults_of(folder) == [
        f"{name}: error: it is UTF-16: save it as UTF-8 (in a spreadsheet: the format 'CSV UTF-8')"
    ]


@pytest.mark.parametrize(
    ("encoding", "word", "named"),
    [("gbk", "市政养护中心", "GBK"), ("latin-1", "Bürgerbüro für Straßen", "Windows-1252")],
)
def test_another_encoding_is_named_with_the_line(tmp_path: Path, encoding: str, word: str, named: str) -> None:
    folder = write_town(tmp_path)
    rewrite(folder / "units.csv", encoding, "Public Works", word)

    (fault,) = faults_of(folder)

    assert fault.startswith(f"units.csv:3: error: it is not UTF-8, but perhaps {named}")


@pytest.mark.parametrize(("sign", "named"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_told_first_and_alone(tmp_path: Path, sign: str, named: str) -> None:
    folder = write_town(tmp_path)
    path = folder / "units.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", sign), encoding="utf-8")

    assert faults_of(folder) == [
        f"units.csv:1: error: its cells are separated by {named}, they must be by commas: save it as CSV with commas"
    ]


@pytest.mark.parametrize("name", ["city.toml", "units.csv", "areas.street.geojson", "responsibilities.csv"])
def test_an_empty_file_is_told_alone(tmp_path: Path, name: str) -> None:
    folder = write_town(tmp_path)
    (folder / name).write_bytes(b"\xef\xbb\xbf\r\n")

    assert faults_of(folder) == [f"{name}: error: the file is empty"]


def test_a_toml_error_is_told_alone_with_its_line(tmp_path: Path) -> None:
    (fault,) = faults_of(write_town(tmp_path, city=('"TWN"', "TWN")))

    assert fault.startswith("city.toml:9: error: it is not TOML")


def test_a_missing_key_brings_no_follow_up_errors(tmp_path: Path) -> None:
    faults = faults_of(write_town(tmp_path, city=('fallback_role = "street_office"\n', "")))

    assert faults == ["city.toml: error: the key fallback_role is missing"]


def test_a_unit_that_cannot_be_read_brings_no_follow_up_errors(tmp_path: Path) -> None:
    faults = faults_of(write_town(tmp_path, units=("west-office,,West", "west office,,West")))

    assert faults == [
        "units.csv:4: error: code: 'west office' is no code: at most 120 characters, no spaces",
    ]


def test_a_unit_without_rows_is_one_error(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    (folder / "units.csv").write_text("code,name_zh,name_en,role,level,area_code\n", encoding="utf-8")

    assert "units.csv: error: the list has no unit" in faults_of(folder)
    assert not [fault for fault in faults_of(folder) if "fallback role" in fault]


def test_a_code_that_became_a_number_is_told(tmp_path: Path) -> None:
    faults = faults_of(write_town(tmp_path, units=("works,,Public", "4.403E+11,,Public")))

    assert "units.csv:3: error: code: '4.403E+11' is a code that a spreadsheet took for a number" in faults[0]


def test_zeros_that_a_spreadsheet_dropped_are_found(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    areas = folder / "areas.street.geojson"
    areas.write_text(areas.read_text(encoding="utf-8").replace('"west"', '"0101"'), encoding="utf-8")
    units = folder / "units.csv"
    units.write_text(units.read_text(encoding="utf-8").replace(",west\n", ",101\n"), encoding="utf-8")

    told = [fault for fault in faults_of(folder) if fault.startswith("units.csv") or "fallback role" in fault]
    hint = "did a spreadsheet drop the zeros of 0101? Format the column as text"
    assert told == [f"units.csv:4: error: the area 101 is not known; {hint}"]


def test_a_decimal_comma_is_told(tmp_path: Path) -> None:
    quoted = faults_of(write_town(tmp_path, catalogue=("works,20,30", 'works,"20,5",30')))
    bare = faults_of(write_town(tmp_path, catalogue=("works,20,30", "works,20,5,30")))

    assert "'20,5' is no number: write the decimal point as a point" in quoted[0]
    assert any("a comma inside of a cell needs quotes around it" in fault for fault in bare)


def test_a_date_of_a_spreadsheet_is_told(tmp_path: Path) -> None:
    (fault,) = faults_of(write_town(tmp_path, responsibilities=("2026-01-01", "2026/1/1")))

    assert fault.endswith("'2026/1/1' is no date like 2026-01-31: format the column as text")


def edit_areas(folder: Path, change: str) -> None:
    """Change every ring of the streets: ``swap`` axes, ``open`` it, or move it ``east``."""
    path = folder / "areas.street.geojson"
    content = json.loads(path.read_text(encoding="utf-8"))
    for feature in content["features"]:
        ring = feature["geometry"]["coordinates"][0]
        changed = {
            "swap": [[lat, lon] for lon, lat in ring],
            "open": ring[:-1],
            "east": [[lon + 100, lat] for lon, lat in ring],
        }
        feature["geometry"]["coordinates"][0] = changed[change]
    path.write_text(json.dumps(content), encoding="utf-8")


def test_exchanged_axes_that_are_degrees_all_the_same_are_told_first_and_alone(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    edit_areas(folder, "swap")

    (fault,) = faults_of(folder)

    assert fault.startswith("areas.street.geojson: error: the areas lie ")
    assert "much nearer with longitude and latitude exchanged: GeoJSON has longitude first" in fault


def test_exchanged_axes_that_are_no_degrees_are_one_error(shared: Path, tmp_path: Path) -> None:
    for path in (shared / "cities" / "shenzhen").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name in ("areas.street.geojson", "areas.district.geojson"):
        content = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        for feature in content["features"]:
            feature["geometry"]["coordinates"] = exchanged(feature["geometry"]["coordinates"])
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")

    assert faults_of(tmp_path) == [
        "areas.district.geojson: error: longitude and latitude are swapped: GeoJSON has longitude first, then latitude",
        "areas.street.geojson: error: longitude and latitude are swapped: GeoJSON has longitude first, then latitude",
    ]


def exchanged(coordinates: list[object]) -> list[object]:
    if isinstance(coordinates[0], list):
        return [exchanged(each) for each in coordinates]  # type: ignore[arg-type]  # positions lie at any depth
    return coordinates[::-1]


def test_areas_far_from_the_time_zone_are_a_warning(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    edit_areas(folder, "east")

    assert any("areas.street.geojson: warning: the areas lie 6," in fault for fault in faults_of(folder))


def test_a_ring_that_is_not_closed_is_told(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    edit_areas(folder, "open")

    assert any(
        "error: a ring is not closed: it begins at -6.3, 53.3 and ends at -6.3, 53.35; repeat its first position"
        in fault
        for fault in faults_of(folder)
    )


def test_exchanged_axes_are_told_before_rings_that_are_not_closed(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    edit_areas(folder, "open")
    edit_areas(folder, "swap")

    (fault,) = faults_of(folder)

    assert "much nearer with longitude and latitude exchanged" in fault


def test_an_area_outside_of_the_city_is_told(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    text = (folder / "areas.street.geojson").read_text(encoding="utf-8")
    far = (
        text.replace('"west"', '"harbour"')
        .replace('"east"', '"fields"')
        .replace("-6.2", "-7.2")
        .replace("-6.3", "-7.3")
    )
    (folder / "areas.community.geojson").write_text(far, encoding="utf-8")

    faults = faults_of(folder)

    assert [fault.partition(": warning: ")[2].partition(",")[0] for fault in faults] == [
        "harbour lies outside of the city",
        "fields lies outside of the city",
    ]


def test_a_class_without_a_file_and_a_file_without_an_item_are_told(tmp_path: Path) -> None:
    without = faults_of(write_town(tmp_path, catalogue=("working_days,park,", "working_days,bench,")))

    ground = "only its polygons count, as the ground of a place"
    assert without == [
        f"assets.park.geojson: warning: no item of catalogue.csv has the asset_class park: {ground}",
        "catalogue.csv:3: warning: no file assets.<class>.geojson for the classes bench: no asset is found",
    ]


def test_assets_with_exchanged_axes_are_told(tmp_path: Path) -> None:
    ring = "[[[-6.28,53.32],[-6.27,53.32],[-6.27,53.33],[-6.28,53.33],[-6.28,53.32]]]"
    turned = "[[[53.32,-6.28],[53.32,-6.27],[53.33,-6.27],[53.33,-6.28],[53.32,-6.28]]]"

    assert faults_of(write_town(tmp_path, assets=(ring, turned))) == [
        "assets.park.geojson: error: longitude and latitude are exchanged: GeoJSON has longitude first, then latitude"
    ]


def test_one_office_may_serve_the_whole_town(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    units = "code,name_zh,name_en,role,level,area_code\nhall,,Town Hall,street_office,city,town\n"
    (folder / "units.csv").write_text(units, encoding="utf-8")
    (folder / "responsibilities.csv").write_text("item,role,asset_owner,area,unit,valid_from,note\n", encoding="utf-8")
    (folder / "assets.park.geojson").unlink()
    catalogue = folder / "catalogue.csv"
    catalogue.write_text(catalogue.read_text(encoding="utf-8").replace(",park,", ",,"), encoding="utf-8")

    assert [fault for fault in faults_of(folder) if "error" in fault] == []
