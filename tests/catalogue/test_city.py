from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.catalogue.city import Channel, Language, OpenData, current_city
from app.catalogue.errors import NoCity
from app.catalogue.models import TimeUnit
from app.catalogue.packs import load_pack, read_pack
from app.catalogue.values import Duration, read_duration
from app.duplicates.model import default_model, write_model
from app.geo.models import Level
from tests.catalogue.town import PARTS, write_town
from tests.make import NOW


def test_a_database_without_a_city_says_so(session: Session) -> None:
    with pytest.raises(NoCity, match="flask city load"):
        current_city(session)


def test_the_city_is_what_the_pack_says(town: Session) -> None:
    city = current_city(town)

    assert (city.version, city.code, city.name_zh, city.name_en) == (1, "town", "", "Example Town")
    assert city.timezone == ZoneInfo("Europe/Dublin")
    assert city.working_hours == ((dt.time(9), dt.time(17)),)
    assert (city.languages, city.channels) == ((Language.EN,), (Channel.WEB,))
    assert (city.city_level, city.approximate, city.nearest_street_limit_m) == (Level.STREET, True, 300)
    assert city.limits.adjudication == Duration(1, TimeUnit.WORKING_DAYS)
    assert city.limits.sign_for_urgent_minutes == 30


def test_a_pack_may_bring_its_own_model_of_duplicates(town: Session, tmp_path: Path) -> None:
    default = current_city(town).duplicates
    own = replace(default, version="of the town", suggest_at=0.5)
    folder = write_town(tmp_path / "next")
    write_model(own, folder / "duplicates.json")

    load_pack(town, read_pack(folder), now=NOW, parts=PARTS)
    town.info.clear()

    assert default == default_model()
    assert current_city(town).duplicates == own


def test_a_name_that_is_missing_is_taken_from_the_other_language(town: Session) -> None:
    city = current_city(town)

    assert city.name(Language.ZH) == city.name(Language.EN) == "Example Town"


def test_the_calendar_of_the_pack_overrides_the_library(town: Session) -> None:
    city = current_city(town)

    assert not city.is_working_day(dt.date(2027, 5, 4))
    assert city.is_working_day(dt.date(2027, 5, 5))


def test_boundaries_are_surveyed_where_the_pack_says_nothing(shenzhen: Session) -> None:
    assert not current_city(shenzhen).approximate


def test_a_known_version_costs_one_small_query_a_session(town: Session) -> None:
    current_city(town)
    told: list[Any] = []
    event.listen(town.connection(), "before_cursor_execute", lambda *heard: told.append(heard[2]))

    with Session(town.connection(), join_transaction_mode="create_savepoint") as other:
        current_city(other)
        current_city(other)

    asked = [statement for statement in told if "pack_versions" in statement]
    assert len(asked) == 1
    assert "settings" not in asked[0]


def test_a_new_version_is_seen_at_once(town: Session, tmp_path: Path) -> None:
    assert current_city(town).name_en == "Example Town"

    folder = write_town(tmp_path / "next", city=("Example Town", "Renamed Town"))
    load_pack(town, read_pack(folder), PARTS, now=NOW)

    assert (current_city(town).version, current_city(town).name_en) == (2, "Renamed Town")


def test_the_licence_of_open_data_may_be_left_out(town: Session, tmp_path: Path) -> None:
    before = current_city(town).open_data

    licensed = '[open_data]\nlicence = "CC BY 4.0"\nlicence_url = "https://example.org/by"\n[limits]'
    load_pack(town, read_pack(write_town(tmp_path / "next", city=("[limits]", licensed))), PARTS, now=NOW)
    town.info.clear()

    assert before == OpenData()
    assert current_city(town).open_data == OpenData(licence="CC BY 4.0", licence_url="https://example.org/by")


def test_two_databases_in_one_process_do_not_mix(shenzhen: Session, boston: Session) -> None:
    assert [current_city(session).code for session in (shenzhen, boston, shenzhen)] == ["440300", "boston", "440300"]


@pytest.mark.parametrize("wrong", ["", "3", "working_days", "3 fortnights", "-3 days", "3.5 days", 3, None])
def test_a_duration_is_a_number_and_a_unit(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_duration(wrong)
