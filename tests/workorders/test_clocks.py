"""A clock that is paused and goes on, by the real calendar of Shenzhen in 2026."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.catalogue.city import City, current_city
from app.catalogue.models import TimeUnit
from app.catalogue.values import Duration
from app.workorders import clocks
from app.workorders.models import Deadline, DeadlineKind, WorkOrder
from tests.make import make_work_order

Moments = tuple[str, str]

HANDLING = DeadlineKind.HANDLING
ONE, THREE = Duration(1, TimeUnit.WORKING_DAYS), Duration(3, TimeUnit.WORKING_DAYS)
SIX, THIRTY = Duration(6, TimeUnit.WORKING_HOURS), Duration(30, TimeUnit.HOURS)


def at(moment: str) -> dt.datetime:
    """Read a moment of 2026 in Shenzhen."""
    return dt.datetime.fromisoformat(f"2026-{moment}").replace(tzinfo=ZoneInfo("Asia/Shanghai"))


def start(session: Session, limit: Duration, moment: str) -> tuple[WorkOrder, Deadline, City]:
    """Give a work order whose one handling clock starts at a moment."""
    work_order, city, now = make_work_order(session, now=at("01-05 10:00")), current_city(session), at(moment)
    clocks.stop(session, work_order, now=now)
    clock = clocks.start_clock(session, work_order, HANDLING, limit, unit=None, city=city, now=now)
    session.flush()
    return work_order, clock, city


@pytest.mark.parametrize(
    ("limit", "runs", "stands", "due_then"),
    [
        # A weekend: Friday 20 November. Four hours are left of seven; Monday 11:30 gives half an hour, then 3.5 more.
        (ONE, ("11-20 09:00", "11-20 18:00"), ("11-20 12:00", "11-23 11:30"), "11-23 17:30"),
        # Paused on Saturday, which is not worked: nothing is lost, it goes on with Monday's first minute.
        (ONE, ("11-20 16:00", "11-23 16:00"), ("11-21 10:00", "11-22 20:00"), "11-23 16:00"),
        # Paused from the end of Friday to Monday 09:01: one minute of work went by.
        (ONE, ("11-20 16:00", "11-23 16:00"), ("11-20 18:00", "11-23 09:01"), "11-23 16:01"),
        # In the break at noon no time passes: 6 hours from 10:00, 4 are left at 13:00, the same at 14:00.
        (SIX, ("11-23 10:00", "11-23 18:00"), ("11-23 13:00", "11-23 14:00"), "11-23 18:00"),
        # Over the national day: 30 September is a Wednesday, 8 October the next day of work, Saturday 10 is worked.
        (THREE, ("09-30 16:00", "10-10 16:00"), ("09-30 17:30", "10-05 12:00"), "10-10 16:30"),
        (THREE, ("09-30 16:00", "10-10 16:00"), ("10-09 09:17", "10-10 14:00"), "10-13 09:43"),
        # Over the spring festival: Saturday 14 February is worked, then nothing until Tuesday 24.
        (ONE, ("02-14 16:00", "02-24 16:00"), ("02-14 17:20", "02-20 08:00"), "02-24 16:40"),
        (ONE, ("02-13 16:00", "02-14 16:00"), ("02-14 11:00", "02-27 17:00"), "02-28 11:00"),
        # Hours are plain time: 30 from Friday 16:00, 26 are left at 20:00, they go on on Sunday night.
        (THIRTY, ("11-20 16:00", "11-21 22:00"), ("11-20 20:00", "11-22 23:59"), "11-24 01:59"),
    ],
)
def test_a_clock_goes_on_with_what_was_left_to_the_minute(
    shenzhen: Session, limit: Duration, runs: Moments, stands: Moments, due_then: str
) -> None:
    work_order, clock, city = start(shenzhen, limit, runs[0])
    assert clock.due_at == at(runs[1])

    clocks.pause(shenzhen, work_order, HANDLING, city=city, now=at(stands[0]))
    shenzhen.flush()
    stood = clock.next_at
    clocks.go_on(shenzhen, work_order, HANDLING, city=city, now=at(stands[1]))
    shenzhen.flush()

    assert stood is None
    assert clock.due_at == clock.next_at == work_order.due_at == at(due_then)
    assert (clock.paused_at, clock.left_s) == (None, None)


def test_two_pauses_take_no_more_than_their_own_time(shenzhen: Session) -> None:
    work_order, clock, city = start(shenzhen, THREE, "09-30 16:00")

    for pauses, goes_on in (("09-30 17:00", "10-08 10:00"), ("10-08 11:00", "10-10 10:00")):
        clocks.pause(shenzhen, work_order, HANDLING, city=city, now=at(pauses))
        shenzhen.flush()
        clocks.go_on(shenzhen, work_order, HANDLING, city=city, now=at(goes_on))
        shenzhen.flush()

    # 21 hours: 1 on 30 September, 1 on the 8th, 6 on the 10th, 7 on the 12th, 6 on the 13th, from 9 to 12 and 14 to 17.
    assert clock.due_at == at("10-13 17:00")


def test_an_overdue_clock_is_not_paused(shenzhen: Session) -> None:
    work_order, clock, city = start(shenzhen, ONE, "11-20 09:00")

    clocks.pause(shenzhen, work_order, HANDLING, city=city, now=at("11-20 18:00"))
    clocks.go_on(shenzhen, work_order, HANDLING, city=city, now=at("11-30 10:00"))

    assert (clock.paused_at, clock.due_at) == (None, at("11-20 18:00"))
