"""When a clock is due, by the calendar and the working hours of the city.

Minutes, hours and days are plain time: a day is 24 hours, nights and holidays count. Working hours count inside the
city's working hours on its working days only; a start outside of them counts from the next working moment. A working
day is as many minutes as the city's working hours have, so that one working day from Friday 16:00, with hours 09-12
and 14-18, ends on Monday 16:00. A clock that ends with a span of working hours is due at that end, not at the next
start. Where the clock of the city jumps within working hours, the minutes that people live through count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from app.catalogue.city import City
from app.catalogue.models import TimeUnit

MOST_DAYS = 36_600

_PLAIN = {
    TimeUnit.MINUTES: dt.timedelta(minutes=1),
    TimeUnit.HOURS: dt.timedelta(hours=1),
    TimeUnit.DAYS: dt.timedelta(days=1),
}


def due(start: dt.datetime, amount: int, unit: TimeUnit, city: City) -> dt.datetime:
    """Give the moment, in UTC, that lies ``amount`` units of time after ``start``, which must know its time zone.

    An amount of 0 is due at once. Raises ValueError where the city has no working day in a hundred years.
    """
    return after(start, amount * _length(unit, city), unit, city)


def after(start: dt.datetime, left: dt.timedelta, unit: TimeUnit, city: City) -> dt.datetime:
    """Give the moment, in UTC, at which ``left`` of the time that ``unit`` counts has passed since ``start``."""
    start = start.astimezone(dt.UTC)
    if unit in _PLAIN or not left:
        return start + left
    for opens, closes in _spans(start, city):
        begin = max(opens, start)
        if left <= closes - begin:
            return begin + left
        left -= max(closes - begin, dt.timedelta())
    raise ValueError(f"{city.code} has no working days")


def between(start: dt.datetime, end: dt.datetime, unit: TimeUnit, city: City) -> dt.timedelta:
    """Give how much of the time that ``unit`` counts lies between two moments; nothing where the end comes first."""
    start, end = start.astimezone(dt.UTC), end.astimezone(dt.UTC)
    if unit in _PLAIN:
        return max(end - start, dt.timedelta())
    total = dt.timedelta()
    for opens, closes in _spans(start, city):
        if opens >= end:
            break
        total += max(min(closes, end) - max(opens, start), dt.timedelta())
    return total


def _length(unit: TimeUnit, city: City) -> dt.timedelta:
    if unit in _PLAIN:
        return _PLAIN[unit]
    return dt.timedelta(hours=1) if unit is TimeUnit.WORKING_HOURS else working_day(city)


def working_day(city: City) -> dt.timedelta:
    """Give the length of a working day: the sum of the city's working hours."""
    day = dt.date.min
    spans = (
        (dt.datetime.combine(day, opens), dt.datetime.combine(day, closes)) for opens, closes in city.working_hours
    )
    return sum((closes - opens for opens, closes in spans), dt.timedelta())


def _spans(start: dt.datetime, city: City) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Walk the working hours from the day of ``start`` on, in UTC."""
    first = start.astimezone(city.timezone).date()
    for offset in range(MOST_DAYS):
        day = first + dt.timedelta(days=offset)
        if city.is_working_day(day):
            for opens, closes in city.working_hours:
                yield _moment(day, opens, city), _moment(day, closes, city)


def _moment(day: dt.date, time: dt.time, city: City) -> dt.datetime:
    return dt.datetime.combine(day, time, city.timezone).astimezone(dt.UTC)
