"""What ``flask city check`` finds: one broken town for each fault."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.catalogue.town import faults_of, write_town

EAST = "[[[-6.25,53.30],[-6.20,53.30],[-6.20,53.35],[-6.25,53.35],[-6.25,53.30]]]"
WEST = "[[[-6.30,53.30],[-6.25,53.30],[-6.25,53.35],[-6.30,53.35],[-6.30,53.30]]]"


def test_the_town_of_the_documentation_has_no_fault(tmp_path: Path) -> None:
    assert faults_of(write_town(tmp_path)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        # city.toml
        ("city", 'code = "town"', 'code = "to wn"', "city.toml:1: error: code: it must be a code without spaces"),
        ("city", 'code = "town"', "code = town", "city.toml:1: error: it is not TOML"),
        ("city", 'name_en = "Example Town"', 'name_en = ""', "city.toml: error: name_zh and name_en are both empty"),
        ("city", "Europe/Dublin", "Europe/Nowhere", "city.toml:4: error: timezone: 'Europe/Nowhere' is no time zone"),
        ("city", "Europe/Dublin", "../etc/passwd", "city.toml:4: error: timezone: '../etc/passwd' is no time zone"),
        ("city", '"IE"', '"XX"', "city.toml:5: error: working_calendar: 'XX' is no calendar"),
        ("city", '"IE"', '"US-XX"', "city.toml:5: error: working_calendar: 'US-XX' is no calendar"),
        ("city", '"09:00-17:00"', '"9-5"', "city.toml:6: error: working_hours: '9-5' is no span"),
        ("city", '"09:00-17:00"', '"17:00-09:00"', "city.toml:6: error: working_hours: each span must end after"),
        ("city", '"09:00-17:00"', '"09:00-12:00", "11:00-15:00"', "city.toml:6: error: working_hours: each span"),
        ("city", '["09:00-17:00"]', "[]", "city.toml:6: error: working_hours: it must be a list"),
        ("city", '["en"]', '["en", "xx"]', "city.toml:7: error: languages: 'xx' is none of zh, en"),
        ("city", '["en"]', '"en"', "city.toml:7: error: languages: it must be a list of zh, en"),
        ("city", "datum_required = false", "datum_required = 0", "city.toml:8: error: datum_required: it must be true"),
        ("city", '"TWN"', '"town-1"', "city.toml:9: error: report_prefix: it must be 1 to 8 capital letters"),
        ("city", '"other"', '"nothing"', "city.toml: error: fallback_item: 'nothing' is no item of catalogue.csv"),
        ("city", 'city_level = "street"', 'city_level = "city"', "city.toml:12: error: city_level: 'city' is none of"),
        ("city", 'city_level = "street"', 'city_level = "district"', "city.toml: error: city_level is district, and"),
        ("city", '["web"]', '["web", "pigeon"]', "city.toml:13: error: channels: 'pigeon' is none of web,"),
        ("city", "nearest_street_limit_m = 300", "nearest_street_limit_m = -1", "city.toml:14: error: nearest_street"),
        ("city", '"approximate"', '"good"', "city.toml:16: error: boundaries: 'good' is none of surveyed, approximate"),
        (
            "city",
            "sign_for_minutes = 120",
            "sign_for_minutes = 1.5",
            "city.toml:19: error: sign_for_minutes: it must be",
        ),
        ("city", "sign_for_minutes = 120", "", "city.toml: error: the key sign_for_minutes is missing"),
        ("city", '"1 working_days"', '"1 fortnight"', "city.toml:21: error: adjudication: it must be a number and one"),
        (
            "city",
            "asset_match_m = 25",
            "asset_match_m = true",
            "city.toml:25: error: asset_match_m: it must be a number",
        ),
        ("city", "datum_required", "datum_demanded", "city.toml:8: warning: the key datum_demanded is not known"),
        # areas
        ("areas", '"code":"east"', '"code":"west"', "areas.street.geojson:3: error: the code west is there already: "),
        (
            "areas",
            '"code":"east"',
            '"code":"town"',
            "areas.street.geojson:3: error: the code town is there already: city",
        ),
        ("areas", '"code":"east"', '"code":""', "areas.street.geojson:3: error: code is empty or has spaces"),
        ("areas", '"code":"east",', "", "areas.street.geojson:3: error: the property code is missing"),
        (
            "areas",
            '"name_en":"East Side"',
            '"name_en":""',
            "areas.street.geojson:3: error: name_zh and name_en are both",
        ),
        ("areas", '"parent":"town"', '"parent":"moon"', "areas.street.geojson:2: error: the parent moon is no area"),
        (
            "areas",
            '"parent":"town"',
            '"parent":"east"',
            "areas.street.geojson:2: error: the parent east is of level str",
        ),
        (
            "areas",
            '"Polygon"',
            '"LineString"',
            "areas.street.geojson:2: error: the geometry is a 'LineString', it must",
        ),
        ("areas", WEST, "[]", "areas.street.geojson:2: error: the geometry is empty"),
        ("areas", WEST, "[[[1,2],[3]]]", "areas.street.geojson:2: error: the coordinates cannot be read"),
        ("areas", WEST, "7", "areas.street.geojson:2: error: the coordinates cannot be read"),
        (
            "areas",
            WEST,
            "[[[0,0],[1,1],[1,0],[0,1],[0,0]]]",
            "areas.street.geojson:2: error: the geometry is invalid: Self",
        ),
        ("areas", "[-6.30,53.35]", "[53.35,-163.0]", "areas.street.geojson:2: error: the coordinates reach from"),
        (
            "areas",
            WEST,
            "[[[53.3,-96.3],[53.4,-96.3],[53.4,-96.2],[53.3,-96.3]]]",
            "latitude and longitude look swapped",
        ),
        ("areas", "-6.30,53.30", "NaN,53.30", "areas.street.geojson: error: it is not JSON: NaN is no number of JSON"),
        ("areas", "]}\n", "]", "areas.street.geojson:4: error: it is not JSON"),
        ("areas", '"FeatureCollection"', '"Topology"', "areas.street.geojson:1: error: it is no FeatureCollection"),
        ("areas", EAST, EAST.replace("-6.25", "-6.26"), "areas.street.geojson:3: error: east overlaps west"),
        ("areas", EAST, EAST.replace("-6.25", "-6.2500001"), "areas.street.geojson:3: warning: east overlaps west"),
        # units.csv
        (
            "units",
            "works,,Public Works",
            "centre,,Public Works",
            "units.csv:3: error: centre is there already in line 2",
        ),
        ("units", "Public Works", "", "units.csv:3: error: name_zh and name_en are both empty"),
        ("units", "works,city,town", "works,city,moon", "units.csv:3: error: the area moon is not known"),
        (
            "units",
            "works,city,town",
            "works,street,town",
            "units.csv:3: error: the level is street, but the area town is",
        ),
        ("units", "works,city,town", "works,planet,town", "units.csv:3: error: level: 'planet' is none of"),
        (
            "units",
            "east-office,,East Side Office,street_office",
            "east-office,,East Side Office,parks",
            "areas.street.geojson:3: error: the street east has no unit of the fallback role street_office",
        ),
        ("units", "works,city,town", "works,city,town,more", "units.csv:3: error: it has 7 cells, the header has 6"),
        ("units", "area_code", "area", "units.csv:1: error: the column area_code is missing"),
        ("units", "area_code", "area_code,area_code", "units.csv:1: error: the column area_code is there twice"),
        (
            "units",
            "area_code\n",
            "area_code,phone\n",
            "units.csv:1: warning: the column 'phone' is not known and is ign",
        ),
        ("units", "Public Works", '"Public Works', "units.csv:3: error: it cannot be read as CSV"),
        ("units", "dispatch_centre", "mayor", "units.csv: warning: no unit has the role dispatch_centre"),
        (
            "units",
            "works,city,town",
            "street_office,street,west",
            "areas.street.geojson:2: warning: the street west has 2 units",
        ),
        # catalogue.csv
        ("catalogue", "lamp,component", "other,component", "catalogue.csv:4: error: other is there already in line 2"),
        ("catalogue", "lamp,component", ",component", "catalogue.csv:2: error: code: is empty"),
        ("catalogue", "lamp,component", "la mp,component", "catalogue.csv:2: error: code: 'la mp' is no code"),
        ("catalogue", "lamp,component", "lamp,thing", "catalogue.csv:2: error: kind: 'thing' is none of component, ev"),
        (
            "catalogue",
            "general,120",
            "general,many",
            "catalogue.csv:2: error: dispatch_minutes: 'many' is no whole num",
        ),
        ("catalogue", "general,120", "general,-5", "catalogue.csv:2: error: dispatch_minutes: -5 is not from 0 to"),
        ("catalogue", "3,working_days", "3,moons", "catalogue.csv:2: error: handle_unit: 'moons' is none of"),
        (
            "catalogue",
            "works,20,30",
            "works,twenty,30",
            "catalogue.csv:2: error: dedup_radius_m: 'twenty' is no number",
        ),
        (
            "catalogue",
            "works,20,30",
            "works,20000,30",
            "catalogue.csv:2: error: dedup_radius_m: 20000 is not from 0 to",
        ),
        ("catalogue", "works,20,30", "wizards,20,30", "catalogue.csv:2: warning: no unit has the role wizards"),
        ("catalogue", "after_photo,0,auto", "after_photo,maybe,auto", "catalogue.csv:2: error: sensitive: 'maybe' is"),
        (
            "catalogue",
            "after_photo,0,auto",
            "after_photo,0,always",
            "catalogue.csv:2: error: joining: 'always' is none",
        ),
        ("catalogue", "Streets", "x" * 3000, "catalogue.csv:2: error: major_en: is longer than 2000 characters"),
        # responsibilities.csv
        ("responsibilities", "lamp,,,east", "torch,,,east", "responsibilities.csv:2: error: item: torch is not known"),
        (
            "responsibilities",
            "lamp,,,east",
            "lamp,wizards,,east",
            "responsibilities.csv:2: error: role: wizards is not",
        ),
        ("responsibilities", "lamp,,,east", "lamp,,elf,east", "responsibilities.csv:2: error: asset_owner: elf is not"),
        ("responsibilities", "lamp,,,east", "lamp,,,north", "responsibilities.csv:2: error: area: north is not known"),
        ("responsibilities", "east-office", "no-office", "responsibilities.csv:2: error: unit: no-office is not known"),
        (
            "responsibilities",
            "2026-01-01",
            "1.1.2026",
            "responsibilities.csv:2: error: valid_from: '1.1.2026' is no date",
        ),
        ("responsibilities", "lamp,,,east", ",,,", "responsibilities.csv:2: warning: the rule names nothing"),
        # assets and calendar.csv
        ("assets", '"id":"green"', '"id":null', "assets.park.geojson:2: error: id is empty"),
        ("assets", '"west-office"', '"nobody"', "assets.park.geojson:2: error: the owner nobody is no unit"),
        ("assets", '"owner":"west-office",', "", "assets.park.geojson:2: error: the property owner is missing"),
        ("assets", '"The Green"', '"\\u0000"', "assets.park.geojson:2: error: a property holds a NUL"),
        (
            "assets",
            '"The Green"',
            '"\\ud800"',
            "assets.park.geojson:2: error: a property holds a NUL, half a character",
        ),
        ("assets", '"benches":4', '"benches":1e999', "assets.park.geojson:2: error: a property holds a NUL, half a"),
        ("assets", "[-6.28,53.32]", f"[{'1' * 400},53.32]", "assets.park.geojson:2: error: the coordinates cannot be"),
        ("city", "Drawn for", "Drawn\\u0000for", "city.toml:15: error: attribution: it holds a NUL"),
        (
            "city",
            "[limits]",
            '[open_data]\nlicence_url = "javascript:alert(1)"\n[limits]',
            "city.toml:19: error: licence_url: it must begin with https:// or http://",
        ),
        ("city", "[limits]", "[open_data]\nlicense = 'CC0'\n[limits]", "warning: the key license is not known"),
        ("calendar", ",no,", ",perhaps,", "calendar.csv:2: error: working: 'perhaps' is neither yes nor no"),
    ],
)
def test_a_fault_is_told_with_file_line_and_reason(tmp_path: Path, file: str, old: str, new: str, told: str) -> None:
    faults = faults_of(write_town(tmp_path, **{file: (old, new)}))

    assert [fault for fault in faults if told in fault], faults


@pytest.mark.parametrize(
    "name", ["city.toml", "areas.street.geojson", "units.csv", "catalogue.csv", "responsibilities.csv"]
)
def test_a_missing_file_is_told(tmp_path: Path, name: str) -> None:
    folder = write_town(tmp_path)
    (folder / name).unlink()

    assert f"{name}: error: the file is missing" in faults_of(folder)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"\x00", b"{}", b"null", b'"', b'a,b\n"c'])
def test_no_file_of_a_pack_can_raise(tmp_path: Path, content: bytes) -> None:
    for name in (
        "city.toml",
        "areas.street.geojson",
        "units.csv",
        "catalogue.csv",
        "responsibilities.csv",
        "assets.park.geojson",
        "calendar.csv",
        "duplicates.json",
        "history.csv.gz",
    ):
        folder = write_town(tmp_path)
        (folder / name).write_bytes(content)

        assert faults_of(folder) or name == "calendar.csv"
        (folder / name).unlink()


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert faults_of(folder) == []


def test_lines_are_those_of_the_file_when_a_cell_has_several(tmp_path: Path) -> None:
    new = ("Public Works,works,city,town", '"Public\nWorks",works,city,town\nodd,,Odd,odd,city,moon')

    assert faults_of(write_town(tmp_path, units=new)) == ["units.csv:5: error: the area moon is not known"]


def test_a_feature_without_a_line_of_its_own_is_told_by_its_number(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    path = folder / "areas.street.geojson"
    path.write_text(path.read_text().replace("\n", "").replace('"name_en":"East Side"', '"name_en":""'))

    assert faults_of(folder) == ["areas.street.geojson:feature 2: error: name_zh and name_en are both empty"]


def test_two_rules_with_the_same_columns_are_told(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    with (folder / "responsibilities.csv").open("a") as file:
        file.write("lamp,,,east,works,2026-01-01,again\n")

    assert faults_of(folder) == ["responsibilities.csv:3: error: lamp, east, 2026-01-01 is there already in line 2"]


def test_files_that_nobody_reads_are_told(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    (folder / "areas.planet.geojson").write_text("{}")
    (folder / "asset.park.geojson").write_text("{}")
    (folder / "README.md").write_text("words")

    faults = faults_of(folder)

    assert [fault.split(":")[0] for fault in faults] == ["areas.planet.geojson", "asset.park.geojson"]


def test_a_hole_in_the_city_is_told(tmp_path: Path) -> None:
    hole = WEST[:-1] + ",[[-6.28,53.32],[-6.28,53.33],[-6.27,53.33],[-6.27,53.32],[-6.28,53.32]]]"

    faults = faults_of(write_town(tmp_path, areas=(WEST, hole)))

    assert len(faults) == 1
    assert re.match(r"areas.street.geojson: warning: the city has a hole of \d+ m2 at -6.27", faults[0])


def test_a_street_outside_of_its_parent_is_told(tmp_path: Path) -> None:
    folder = write_town(tmp_path, areas=('"West Side","parent":"town"', '"West Side","parent":"far"'))
    district = (folder / "areas.street.geojson").read_text().splitlines()[2]
    district = district.replace('"east"', '"far"').replace('"parent":"far"', '"parent":""')
    (folder / "areas.district.geojson").write_text(f'{{"type":"FeatureCollection","features":[\n{district}\n]}}')

    assert faults_of(folder) == ["areas.street.geojson:2: warning: west does not lie in its parent far"]


def test_the_history_is_checked_for_columns_items_and_areas(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    header = "id,item,requested_at,closed_at,due_at,status,lon,lat,address,recorded_area,channel\n"
    rows = "1,lamp,,,,,,,,west,\n2,torch,,,,,,,,west,\n3,torch,,,,,,,,moon,\n"
    (folder / "history.csv.gz").write_bytes(gzip.compress((header + rows).encode()))

    assert faults_of(folder) == [
        "history.csv.gz:3: error: item: torch is not known",
        "history.csv.gz:4: error: recorded_area: moon is not known",
    ]


@pytest.mark.parametrize("city", ["shenzhen", "boston"])
def test_the_real_packs_have_no_error(shared: Path, city: str) -> None:
    faults = faults_of(shared / "cities" / city)

    assert [fault for fault in faults if ": error: " in fault] == []


def test_the_slivers_between_the_wards_of_boston_are_told(shared: Path) -> None:
    faults = faults_of(shared / "cities" / "boston")

    assert sum("overlaps" in fault for fault in faults) == 13
    assert sum("gaps between areas" in fault for fault in faults) == 1
    assert not any("has a hole" in fault for fault in faults)


def test_the_port_area_is_told_as_a_hole_of_shenzhen(shared: Path) -> None:
    faults = faults_of(shared / "cities" / "shenzhen")

    told = [fault for fault in faults if fault.startswith("areas.")]
    assert [fault.split(" of ")[0] for fault in told] == ["areas.district.geojson: warning: the city has a hole"]
