from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.calendar import after, between, due, working_day
from app.catalogue.city import City
from app.catalogue.models import TimeUnit
from tests.catalogue.town import town_files

TOWN = City.from_settings(tomllib.loads(town_files()["city.toml"]), 1, "digest")
SPLIT = ((dt.time(9), dt.time(12)), (dt.time(14), dt.time(18)))
SHENZHEN = replace(TOWN, timezone=ZoneInfo("Asia/Shanghai"), working_calendar="CN", working_hours=SPLIT)
BOSTON = replace(TOWN, timezone=ZoneInfo("America/New_York"), working_calendar="US-MA")
NIGHTS = replace(BOSTON, working_hours=((dt.time(0), dt.time(4)),), calendar={dt.date(2026, 3, 8): True})

DAY, HOUR = TimeUnit.WORKING_DAYS, TimeUnit.WORKING_HOURS


def at(city: City, moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=city.timezone)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        # Friday 20 November 2026 and the Monday after it are plain working days.
        ("2026-11-20 16:00", 1, DAY, "2026-11-23 16:00"),
        ("2026-11-20 09:00", 1, DAY, "2026-11-20 18:00"),
        ("2026-11-20 18:00", 1, DAY, "2026-11-23 18:00"),
        ("2026-11-20 22:30", 1, DAY, "2026-11-23 18:00"),
        ("2026-11-21 11:00", 1, DAY, "2026-11-23 18:00"),
        ("2026-11-20 13:00", 1, HOUR, "2026-11-20 15:00"),
        ("2026-11-20 11:30", 1, HOUR, "2026-11-20 14:30"),
        ("2026-11-20 11:00", 1, HOUR, "2026-11-20 12:00"),
        ("2026-11-20 17:59", 8, HOUR, "2026-11-24 09:59"),
        ("2026-11-20 16:07", 3, DAY, "2026-11-25 16:07"),
        # The spring festival of 2026: 15 to 23 February are free, Saturday 14 and 28 February are worked.
        ("2026-02-13 16:00", 1, DAY, "2026-02-14 16:00"),
        ("2026-02-14 16:00", 1, DAY, "2026-02-24 16:00"),
        ("2026-02-27 16:00", 1, DAY, "2026-02-28 16:00"),
        # The national day: 1 to 7 October are free, Saturday 10 October is worked.
        ("2026-09-30 16:00", 1, DAY, "2026-10-08 16:00"),
        ("2026-10-09 16:00", 1, DAY, "2026-10-10 16:00"),
        ("2026-10-10 16:00", 1, DAY, "2026-10-12 16:00"),
    ],
)
def test_working_time_follows_the_calendar_of_2026_in_shenzhen(
    start: str, amount: int, unit: TimeUnit, end: str
) -> None:
    assert due(at(SHENZHEN, start), amount, unit, SHENZHEN) == at(SHENZHEN, end)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        ("2026-02-14 23:59", 30, TimeUnit.MINUTES, "2026-02-15 00:29"),
        ("2026-02-14 23:00", 4, TimeUnit.HOURS, "2026-02-15 03:00"),
        ("2026-02-14 23:00", 3, TimeUnit.DAYS, "2026-02-17 23:00"),
    ],
)
def test_plain_time_counts_nights_and_holidays(start: str, amount: int, unit: TimeUnit, end: str) -> None:
    assert due(at(SHENZHEN, start), amount, unit, SHENZHEN) == at(SHENZHEN, end)


def test_a_plain_day_is_24_hours_when_the_clock_jumps() -> None:
    assert due(at(BOSTON, "2026-03-07 12:00"), 1, TimeUnit.DAYS, BOSTON) == at(BOSTON, "2026-03-08 13:00")
    assert due(at(BOSTON, "2026-10-31 12:00"), 1, TimeUnit.DAYS, BOSTON) == at(BOSTON, "2026-11-01 11:00")


def test_a_working_day_keeps_the_local_hour_over_a_jump_of_the_clock() -> None:
    assert due(at(BOSTON, "2026-03-06 11:00"), 1, DAY, BOSTON) == at(BOSTON, "2026-03-09 11:00")
    assert due(at(BOSTON, "2026-10-30 11:00"), 1, DAY, BOSTON) == at(BOSTON, "2026-11-02 11:00")


def test_the_hour_that_a_jump_takes_away_is_not_worked() -> None:
    assert due(at(NIGHTS, "2026-03-08 00:00"), 4, HOUR, NIGHTS) == at(NIGHTS, "2026-03-09 01:00")


def test_the_holidays_of_a_state_count() -> None:
    patriots_day = at(BOSTON, "2026-04-20 10:00")

    assert due(patriots_day, 1, HOUR, BOSTON) == at(BOSTON, "2026-04-21 10:00")
    assert due(patriots_day, 1, HOUR, replace(BOSTON, working_calendar="US")) == at(BOSTON, "2026-04-20 11:00")


def test_the_pack_overrides_the_library() -> None:
    days = {dt.date(2026, 11, 20): False, dt.date(2026, 11, 21): True}
    city = replace(SHENZHEN, calendar=days)

    assert due(at(city, "2026-11-19 16:00"), 1, DAY, city) == at(city, "2026-11-21 16:00")


def test_the_answer_is_in_utc() -> None:
    for unit in TimeUnit:
        assert due(at(SHENZHEN, "2026-11-20 16:00"), 2, unit, SHENZHEN).tzinfo is dt.UTC


def test_an_amount_of_nothing_is_due_at_once() -> None:
    start = at(SHENZHEN, "2026-11-21 03:00")

    assert {due(start, 0, unit, SHENZHEN) for unit in TimeUnit} == {start}


def test_a_working_day_is_as_long_as_the_working_hours() -> None:
    assert working_day(SHENZHEN) == dt.timedelta(hours=7)
    assert working_day(BOSTON) == dt.timedelta(hours=8)


def test_a_city_that_never_works_is_a_fault() -> None:
    class Never(dict[dt.date, bool]):
        def __contains__(self, day: object) -> bool:
            return True

        def __missing__(self, day: dt.date) -> bool:
            return False

    with pytest.raises(ValueError, match="no working days"):
        due(at(SHENZHEN, "2026-11-20 16:00"), 1, DAY, replace(SHENZHEN, calendar=Never()))


moments = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 12, 1))  # noqa: DTZ001  # the test gives the zone


@given(start=moments, first=st.integers(0, 60), second=st.integers(0, 60))
def test_two_limits_one_after_the_other_are_one_limit(start: dt.datetime, first: int, second: int) -> None:
    begin = start.replace(tzinfo=SHENZHEN.timezone)

    halfway = due(begin, first, HOUR, SHENZHEN)

    assert due(halfway, second, HOUR, SHENZHEN) == due(begin, first + second, HOUR, SHENZHEN) or not second


@given(start=moments, amount=st.integers(1, 365))
def test_a_deadline_lies_in_working_time(start: dt.datetime, amount: int) -> None:
    end = due(start.replace(tzinfo=SHENZHEN.timezone), amount, DAY, SHENZHEN).astimezone(SHENZHEN.timezone)

    assert SHENZHEN.is_working_day(end.date())
    assert any(opens < end.time() <= closes for opens, closes in SPLIT)


# From the spring festival over the May holiday to the national day, with every adjusted Saturday and Sunday.
any_time = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 12, 31))  # noqa: DTZ001  # the test gives the zone
lengths = st.timedeltas(dt.timedelta(microseconds=1), dt.timedelta(hours=400))


@given(start=any_time, left=lengths, unit=st.sampled_from(TimeUnit))
def test_what_lies_between_a_start_and_its_end_is_what_was_added(
    start: dt.datetime, left: dt.timedelta, unit: TimeUnit
) -> None:
    begin = start.replace(tzinfo=SHENZHEN.timezone)

    assert between(begin, after(begin, left, unit, SHENZHEN), unit, SHENZHEN) == left


@given(start=any_time, left=lengths, share=st.floats(0, 1), away=st.timedeltas(dt.timedelta(), dt.timedelta(days=40)))
def test_a_pause_takes_nothing_and_adds_nothing(
    start: dt.datetime, left: dt.timedelta, share: float, away: dt.timedelta
) -> None:
    begin = start.replace(tzinfo=SHENZHEN.timezone)
    end = after(begin, left, HOUR, SHENZHEN)
    pause = begin + share * (end - begin)
    rest = between(pause, end, HOUR, SHENZHEN)

    new_end = after(pause + away, rest, HOUR, SHENZHEN)

    assert between(begin, pause, HOUR, SHENZHEN) + between(pause + away, new_end, HOUR, SHENZHEN) == left
    assert (new_end >= end) or not rest


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        # Thursday to Monday around Saturday 14 February, which is worked, and Sunday 15, which begins the holiday.
        ("2026-02-12 18:00", "2026-02-13 18:00", 7),
        ("2026-02-13 18:00", "2026-02-14 18:00", 7),
        ("2026-02-14 18:00", "2026-02-24 09:00", 0),
        ("2026-02-14 17:00", "2026-02-24 10:00", 2),
        # National day: 1 to 7 October are free; Sunday 20 September and Saturday 10 October are worked.
        ("2026-09-19 00:00", "2026-09-21 00:00", 7),
        ("2026-09-30 18:00", "2026-10-08 09:00", 0),
        ("2026-10-09 18:00", "2026-10-10 18:00", 7),
        ("2026-10-10 18:00", "2026-10-12 09:00", 0),
        ("2026-09-28 00:00", "2026-10-12 00:00", 42),
        ("2026-02-14 18:00", "2026-02-14 09:00", 0),
    ],
)
def test_what_lies_between_follows_the_adjusted_days(start: str, end: str, hours: int) -> None:
    assert between(at(SHENZHEN, start), at(SHENZHEN, end), HOUR, SHENZHEN) == dt.timedelta(hours=hours)
