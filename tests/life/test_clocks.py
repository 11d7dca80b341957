"""Clocks start at the event, are never set anew by an edit, and act when they are breached."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.accounts.roles import Role
from tests.life.conftest import LIGHTING, PARKS, WATER, Town


def told(town: Town, unit: str, area: str = "440300") -> list[tuple[str, str | None, int]]:
    answer = town.client.get("/api/v1/notices", headers=town.headers(Role.DISPATCHER, unit=unit, area=area))
    assert answer.status_code == 200, answer.text
    return [(each["kind"], each["clock"], each["level"]) for each in answer.get_json()["notices"]]


def test_due_times_are_exact_to_the_minute_over_the_national_holiday_and_its_adjusted_days(town: Town) -> None:
    # 1 to 7 October 2026 are holidays, Saturday the 10th is a working day, Sunday the 11th is not.
    town.until("2026-09-30T16:30")
    before = town.file(item="B0121")  # 1 working day of 7 hours

    town.until("2026-10-09T17:00")
    adjusted = town.file(item="B0121", lat=22.5351, lon=113.9391)

    assert before["due_at"] == "2026-10-08T08:30:00+00:00"  # Thursday the 8th, 16:30
    assert adjusted["due_at"] == "2026-10-10T09:00:00+00:00"  # Saturday the 10th, 17:00


def test_an_unsigned_work_order_is_told_to_its_unit_and_escalated_once_a_level(town: Town) -> None:
    report = town.file(item="S0699", description="一堆东西")  # the street office's
    office = "440305007-street_office"

    quiet = town.wait(minutes=119)
    first = town.wait(minutes=2)
    again = town.wait(minutes=1)

    assert (quiet, first, again) == (0, 1, 0)
    assert told(town, office) == [("overdue", "sign_for", 0)]
    assert told(town, "440305-gov") == [("escalated", "sign_for", 1)]
    assert told(town, "sz-centre") == []
    town.until("2026-11-23T17:31")  # 4 working hours after 12:01, over the pause at noon: 14:00 to 18:00
    assert told(town, "sz-centre") == []
    town.until("2026-11-23T18:00")
    assert told(town, "sz-centre") == [("escalated", "sign_for", 2)]
    town.wait(days=1)
    kinds = town.kinds(report)
    assert kinds.count("escalated") == 2
    clock = town.clocks(report, "sign_for")[0]
    assert clock["level"] == 2
    assert clock["breached_at"] is not None


def test_a_unit_of_the_whole_city_is_escalated_to_the_centre_of_the_city(town: Town) -> None:
    town.file()

    town.wait(minutes=121)

    assert told(town, LIGHTING) == [("overdue", "sign_for", 0)]
    assert told(town, "440305-gov") == []
    assert told(town, "sz-centre") == [("escalated", "sign_for", 1)]


def test_a_clock_that_is_met_is_never_breached(town: Town) -> None:
    report = town.file()
    town.wait(minutes=119)
    town.move(report, "sign", Role.CREW, of=LIGHTING)

    assert town.wait(minutes=30) == 0
    assert town.clocks(report, "sign_for")[0]["met_at"] is not None


def test_a_promise_that_is_broken_is_told_to_the_resident(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)

    town.wait(days=3)

    assert "overdue" in [event["kind"] for event in town.track(report)["events"]]
    assert "escalated" not in [event["kind"] for event in town.track(report)["events"]]


def test_a_notice_that_was_read_is_gone_from_the_inbox_of_its_unit_and_of_no_other(town: Town) -> None:
    town.file()
    town.wait(minutes=121)
    own = town.headers(Role.UNIT_MANAGER, unit=LIGHTING)
    notice = town.client.get("/api/v1/notices", headers=own).get_json()["notices"][0]

    foreign = town.client.post(
        f"/api/v1/notices/{notice['id']}/read", headers=town.headers(Role.UNIT_MANAGER, unit=PARKS)
    )
    read = town.client.post(f"/api/v1/notices/{notice['id']}/read", headers=own)

    assert (foreign.status_code, read.status_code) == (404, 200)
    assert told(town, LIGHTING) == []


def test_a_transfer_and_a_change_leave_the_handling_clock_as_it_was(town: Town) -> None:
    report = town.file()
    due = town.clocks(report, "handling")[0]["due_at"]

    town.wait(minutes=60)
    town.move(report, "transfer", Role.DISPATCHER, unit=PARKS, note="灯在公园里")
    town.move(report, "change", Role.DISPATCHER, item="B0220", note="是路面")

    (handling,) = town.clocks(report, "handling")
    assert handling["due_at"] == due
    assert [clock["unit"] for clock in town.clocks(report, "sign_for")][:2] == [LIGHTING, PARKS]
    assert town.clocks(report, "sign_for")[0]["stopped_at"] is not None


def test_undispatched_work_escalates_like_any_other(town: Town) -> None:
    town.file(accuracy=3000)

    town.wait(minutes=121)

    assert told(town, "440305-gov") == [("escalated", "dispatch", 1)]


def test_the_list_of_what_is_overdue_looks_at_every_clock_that_runs(town: Town) -> None:
    def overdue() -> set[str]:
        listed = town.get("/work-orders", overdue="true")["work_orders"]
        return {each["work_order"]["id"] for each in listed}

    fixed, unsigned, paused = town.file(), town.file(lon=113.95), town.file(lon=113.96)
    town.repair(fixed)
    town.move(paused, "sign", Role.CREW, of=LIGHTING)
    until = (town.now + dt.timedelta(days=9)).isoformat()
    town.move(paused, "hold", Role.UNIT_MANAGER, of=LIGHTING, note="等配件", reference="77", until=until)
    waiting = town.file(lon=113.93)
    town.move(waiting, "decline", Role.DISPATCHER, reason="not_found")
    town.move(waiting, "reconsider", Role.SUPERVISOR, note="有图")

    at_first = overdue()
    town.wait(hours=3)  # the clocks to dispatch and to sign for end, no promise does
    later = overdue()
    town.wait(days=4)  # the promises of all four are over; one was kept, one is paused
    at_last = overdue()

    assert at_first == set()
    assert later == at_last == {unsigned["work_order"], waiting["work_order"]}


def test_a_clock_that_runs_through_a_dispute_or_a_hold_can_be_met_there(town: Town) -> None:
    torn, held = town.file(), town.file(lon=113.95)
    for report in (torn, held):
        town.repair(report, color="blue")
        town.answer(report, "rating", overall=1)
        town.move(report, "involve", Role.DISPATCHER, unit=WATER, note="井盖旁的灯")
        town.move(report, "supervise", Role.SUPERVISOR, note="为什么?")
    town.move(torn, "transfer", Role.DISPATCHER, unit=PARKS, note="灯在公园里")
    town.move(torn, "refuse", Role.UNIT_MANAGER, of=PARKS, note="不是我们的灯", reference="深灯〔2024〕12号")
    pause: dict[str, Any] = {"note": "等配件", "reference": "采购单 7", "until": "2026-12-20T00:00:00+08:00"}
    town.move(held, "hold", Role.UNIT_MANAGER, of=LIGHTING, **pause)

    for report, lead, state in ((torn, PARKS, "disputed"), (held, LIGHTING, "on_hold")):
        town.move(report, "sign", Role.CREW, of=WATER)
        town.move(report, "answer", Role.UNIT_MANAGER, of=lead, note="线路老化")
        town.answer(report, "rating", overall=2)

        assert town.show(report)["state"] == state
        assert [clock["met_at"] for clock in town.clocks(report, "sign_for")][-1] is not None
        assert town.clocks(report, "supervision")[0]["met_at"] is not None


def test_after_a_hand_over_a_breach_begins_with_the_centre_above_the_new_unit(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    town.wait(days=3)  # the promise is broken: the unit of the whole city has one centre above it
    city_first = told(town, "sz-centre")

    town.move(report, "transfer", Role.DISPATCHER, unit="440305007-street_office", note="在小区里")
    town.move(report, "sign", Role.CREW, of="440305007-street_office")
    at_once = town.wait(minutes=1)
    town.wait(days=1)
    town.wait(days=1)

    assert city_first == [("escalated", "handling", 1)]
    assert at_once == 0
    assert told(town, "440305-gov") == [("escalated", "handling", 2)]
    assert told(town, "sz-centre") == city_first
    (clock,) = town.clocks(report, "handling")
    assert (clock["level"], clock["unit"]) == (2, "440305007-street_office")


def test_after_a_hand_over_no_centre_is_skipped_and_none_is_told_twice(town: Town) -> None:
    report = town.file(item="S0699", description="一堆东西")  # the street office's, with two centres above it
    town.move(report, "sign", Role.CREW, of="440305007-street_office")
    while not told(town, "440305-gov"):
        town.wait(days=1)
    city_before = told(town, "sz-centre")

    town.move(report, "transfer", Role.DISPATCHER, unit=LIGHTING, note="是灯杆")
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    town.wait(days=1)
    town.wait(days=1)

    assert city_before == []
    assert told(town, "440305-gov") == [("escalated", "handling", 1)]
    assert told(town, "sz-centre") == [("escalated", "handling", 2)]
