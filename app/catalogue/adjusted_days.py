"""Years whose working days a calendar does not know yet.

Some countries decide each year anew which weekend days are worked (China's 调休). The holidays library learns them when
they are published; until then the days of the year stand in the pack's calendar.csv, or deadlines are wrong.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

import holidays

from app.catalogue.models import TimeUnit
from app.catalogue.values import Duration

LOOKED_BACK = 5  # years
DECIDED_YEARLY = 3  # of them with adjusted days: then every later year is expected to have some
GIVEN_UP_AFTER = 3  # years without any: the country has given them up, as Ukraine did in 2022
LEAST_REACH = dt.timedelta(days=120)
# A working day is at most this many days of the calendar, holidays of a week and weekends among them.
DAYS_OF_WORKING_DAY = 3


def missing_years(calendar: str, known: Collection[dt.date], *, first: dt.date, last: dt.date) -> list[int]:
    """List the years from ``first`` to ``last`` of which neither the library nor ``known`` has the adjusted days.

    ``calendar`` is a name like ``CN`` or ``US-MA``, ``known`` are the days of calendar.csv.
    """
    country, _, part = calendar.partition("-")
    years = range(first.year - 2 * LOOKED_BACK, last.year + 1)
    adjusted = {
        day.year for day in holidays.country_holidays(country, subdiv=part or None, years=years).weekend_workdays
    }
    newest = max(adjusted, default=0)
    recent = {year for year in adjusted if year > newest - LOOKED_BACK}
    if len(recent) < DECIDED_YEARLY or newest < first.year - GIVEN_UP_AFTER:
        return []
    written = {day.year for day in known}
    return [year for year in range(first.year, last.year + 1) if year > newest and year not in written]


def reach(limits: Iterable[Duration], today: dt.date) -> dt.date:
    """Give the last day that a deadline which starts today may reach, four months ahead at least."""
    longest = max((_days(limit) for limit in limits), default=dt.timedelta())
    return today + max(longest, LEAST_REACH)


def _days(limit: Duration) -> dt.timedelta:
    if limit.unit is TimeUnit.WORKING_DAYS:
        return dt.timedelta(days=limit.amount * DAYS_OF_WORKING_DAY)
    return dt.timedelta(days=limit.amount) if limit.unit is TimeUnit.DAYS else dt.timedelta(hours=limit.amount)


def say_missing(year: int, calendar: str) -> str:
    """Say which days are missing and what to do."""
    return (
        f"the adjusted working days of {year} in the calendar {calendar} are not known, deadlines of {year} may"
        " be wrong: write the days that differ into calendar.csv when they are published, or update the service"
    )
