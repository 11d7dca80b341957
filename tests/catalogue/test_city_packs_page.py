"""docs/city-packs.md names whatever the reader of a pack knows."""

from __future__ import annotations

import re

import pytest

from app.catalogue.city import KEYS, LIMITS, OPEN_DATA, Channel, Language
from app.catalogue.models import EvidenceNeeded, Joining, Kind, TimeUnit, Urgency
from app.catalogue.packs import columns
from app.geo.models import Level
from tests.catalogue.town import PAGE, town_files

SECTIONS = {
    "city.toml": KEYS,
    "[limits]": LIMITS,
    "[open_data]": OPEN_DATA,
    "areas.&lt;level&gt;.geojson": columns.AREA_PROPERTIES,
    "units.csv": columns.UNITS,
    "catalogue.csv": columns.ITEMS,
    "responsibilities.csv": columns.RULES,
    "assets.&lt;class&gt;.geojson": columns.ASSET_PROPERTIES,
    "calendar.csv": columns.CALENDAR,
    "history.csv.gz": columns.HISTORY,
}


def section(title: str) -> str:
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_and_column_has_a_row_and_no_row_is_made_up(title: str) -> None:
    cells = re.findall(r"^\| (`.*?) \|", section(title), re.MULTILINE)

    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    assert named == set(SECTIONS[title])


@pytest.mark.parametrize("words", [Kind, Urgency, TimeUnit, Joining, EvidenceNeeded, Level, Language, Channel])
def test_every_word_that_a_cell_may_hold_is_named(words: type[Kind]) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert [word for word in words if f"`{word}`" not in page] == []


def test_the_smallest_pack_shows_every_required_file() -> None:
    assert {"city.toml", "areas.street.geojson", "units.csv", "catalogue.csv", "responsibilities.csv"} <= set(
        town_files()
    )
