"""The calendar of a country that decides its working days anew each year: a year that is not known is told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.catalogue.adjusted_days import missing_years, reach
from app.catalogue.check_cli import calendar_gaps
from app.catalogue.models import TimeUnit
from app.catalogue.packs import load_pack, read_pack
from app.catalogue.service import note_missing_years
from app.catalogue.values import Duration
from app.jobs import queue
from tests.catalogue.town import PARTS, write_town
from tests.make import NOW

IN_2026 = dt.date(2026, 11, 30)


def test_china_needs_the_adjusted_days_of_each_year() -> None:
    assert missing_years("CN", (), first=dt.date(2026, 1, 1), last=IN_2026) == []
    assert missing_years("CN", (), first=IN_2026, last=dt.date(2100, 3, 30))[-1] == 2100


def test_a_year_with_days_in_the_packs_calendar_is_known() -> None:
    missing = missing_years("CN", (), first=IN_2026, last=dt.date(2100, 3, 30))

    assert missing_years("CN", [dt.date(2100, 2, 6)], first=IN_2026, last=dt.date(2100, 3, 30)) == missing[:-1]


@pytest.mark.parametrize("calendar", ["IE", "US-MA", "DE", "UA"])
def test_a_country_without_adjusted_days_lacks_none(calendar: str) -> None:
    assert missing_years(calendar, (), first=IN_2026, last=dt.date(2040, 1, 1)) == []


@pytest.mark.parametrize(
    ("limit", "days"),
    [
        (Duration(2, TimeUnit.HOURS), 120),
        (Duration(200, TimeUnit.DAYS), 200),
        (Duration(100, TimeUnit.WORKING_DAYS), 300),
        (Duration(4800, TimeUnit.HOURS), 200),
    ],
)
def test_deadlines_reach_four_months_or_as_far_as_the_longest_limit(limit: Duration, days: int) -> None:
    assert reach([limit], IN_2026) == IN_2026 + dt.timedelta(days=days)


def newest_known() -> int:
    """Give the newest year whose adjusted days the library knows; it learns another one every November."""
    return missing_years("CN", (), first=dt.date(2026, 1, 1), last=dt.date(2100, 1, 1))[0] - 1


def chinese_town(folder: Path) -> Path:
    return write_town(folder, city=('"IE"', '"CN"'), calendar=("2027-05-04", "2026-05-04"))


def test_check_warns_of_a_year_that_deadlines_may_reach(tmp_path: Path) -> None:
    pack = read_pack(chinese_town(tmp_path))

    newest = newest_known()

    (fault,) = calendar_gaps(pack, dt.date(newest, 11, 30))

    assert str(fault).startswith(f"calendar.csv: warning: the adjusted working days of {newest + 1} in the calendar CN")
    assert "calendar.csv when they are published" in str(fault)


def test_it_is_said_once_of_a_pack_and_kept_in_its_notes(session: Session, tmp_path: Path) -> None:
    load_pack(session, read_pack(chinese_town(tmp_path)), PARTS, now=NOW)
    newest = newest_known()
    now = dt.datetime(newest, 11, 30, tzinfo=dt.UTC)

    said, again = note_missing_years(session, now=now), note_missing_years(session, now=now)

    assert [each.partition(" in ")[0] for each in said] == [f"the adjusted working days of {newest + 1}"]
    assert again == []


def test_without_a_city_there_is_nothing_to_say(session: Session) -> None:
    assert note_missing_years(session, now=NOW) == []


def test_the_worker_looks_at_the_calendar_daily() -> None:
    queue.perform_import_paths()  # type: ignore[no-untyped-call]  # procrastinate left it untyped

    crons = {name: task.cron for (name, _), task in queue.periodic_registry.periodic_tasks.items()}

    assert crons["catalogue.look_at_calendar"].split()[2:] == ["*", "*", "*"]
