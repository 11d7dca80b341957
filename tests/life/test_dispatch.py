"""What waits for a dispatcher and why, what a dispatcher does, the green channel, co-units."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue import city as cities
from app.catalogue.city import current_city
from tests.life.conftest import LIGHTING, PARKS, WATER, Town
from tests.make import new_key

OFFICE = "440305007-street_office"


@pytest.fixture
def urgent_words(shenzhen: Session) -> None:
    """Give the city two urgent words."""
    here = current_city(shenzhen)
    shenzhen.info[cities.SESSION_KEY] = here
    words = dataclasses.replace(here, urgent_words=("漏电", "gas leak"))
    cities._cities[here.version, here.digest] = words


@pytest.fixture(autouse=True)
def _forget_words(shenzhen: Session) -> Any:
    yield
    cities._cities.clear()


def test_a_clear_case_is_dispatched_by_itself_and_has_no_dispatch_clock(town: Town) -> None:
    report = town.file()

    assert report["state"] == "dispatched"
    assert town.kinds(report) == ["received", "dispatched"]
    assert town.clocks(report, "dispatch") == []


def test_an_uncertain_street_waits_for_a_dispatcher_with_candidates_and_reasons(town: Town) -> None:
    report = town.file(accuracy=3000)

    waiting = town.get("/work-orders", state="awaiting_dispatch")["work_orders"]

    assert (report["state"], report["unit"], report["due_at"]) == ("awaiting_dispatch", None, None)
    assert [each["work_order"]["id"] for each in waiting] == [report["work_order"]]
    (reason,) = waiting[0]["waits"]["reasons"]
    assert reason["reason"] == "street_uncertain"
    assert 0 < reason["share"] < 0.5
    assert reason["candidates"][0]["area"] == "440305007"
    assert waiting[0]["waits"]["proposed"]["unit"] == LIGHTING
    (clock,) = town.clocks(report, "dispatch")
    assert clock["due_at"] == "2026-11-23T04:00:00+00:00"  # 120 minutes, from the catalogue


def test_a_photo_that_disagrees_with_the_position_waits(town: Town, shared: Path) -> None:
    photo = (shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").read_bytes()
    form = {"photos": (io.BytesIO(photo), "light.jpg"), "item": "B0121", "lon": "113.95", "lat": "22.55"}

    report = town.post("/reports", form, status=201)

    assert report["state"] == "awaiting_dispatch"
    waits = town.get("/work-orders", state="awaiting_dispatch")["work_orders"][0]["waits"]
    (reason,) = waits["reasons"]
    assert reason["reason"] == "photo_far_from_position"
    assert 1_000 < reason["distance_m"] < 10_000


def test_an_item_whose_asset_the_pack_holds_waits_where_none_is_near(town: Town) -> None:
    far = town.file(item="B0503", lon=114.0, lat=22.6)

    waits = town.get("/work-orders", state="awaiting_dispatch")["work_orders"][0]["waits"]

    assert far["state"] == "awaiting_dispatch"
    assert waits["reasons"][0] == {"reason": "no_asset_near", "class": "charging_station", "within_m": 25.0}


def test_a_dispatcher_sends_it_to_whom_the_rules_propose_or_to_another_unit(town: Town) -> None:
    first, second = town.file(accuracy=3000), town.file(accuracy=3000, lon=113.95)
    town.wait(minutes=30)

    town.move(first, "dispatch", Role.DISPATCHER)
    town.move(second, "dispatch", Role.DISPATCHER, unit=PARKS, note="灯在公园里")

    assert town.track(first)["unit"]["code"] == LIGHTING
    shown = town.show(second)
    assert shown["unit"]["code"] == PARKS
    assert shown["explanation"]["basis"] == "dispatcher"
    assert shown["explanation"]["note"] == "灯在公园里"
    assert town.clocks(second, "dispatch")[0]["met_at"] == "2026-11-23T02:30:00+00:00"
    assert town.clocks(second, "handling")[0]["starts_at"] == "2026-11-23T02:30:00+00:00"
    town.move(second, "dispatch", Role.DISPATCHER, status=409)


def test_only_dispatchers_dispatch_and_only_to_units_that_there_are(town: Town) -> None:
    report = town.file(accuracy=3000)

    town.move(report, "dispatch", Role.SUPERVISOR, status=403)
    refused = town.move(report, "dispatch", Role.DISPATCHER, status=422, unit="nobody")

    assert refused["errors"][0]["pointer"] == "/unit"


def test_marked_urgent_its_clocks_are_set_anew_from_then_once(town: Town) -> None:
    report = town.file()
    town.wait(minutes=10)

    town.move(report, "mark_urgent", Role.DISPATCHER, note="学校门口")
    town.move(report, "mark_urgent", Role.DISPATCHER, note="再一次", status=409)

    old, new = town.clocks(report, "sign_for")
    assert (old["stopped_at"], new["due_at"]) == ("2026-11-23T02:10:00+00:00", "2026-11-23T02:40:00+00:00")
    # One working day ends at Tuesday 10:00; 24 hours around the clock from 10:10 would be later: the promise stands.
    assert [clock["due_at"] for clock in town.clocks(report, "handling")] == ["2026-11-24T02:00:00+00:00"]
    assert town.show(report)["urgency"] == "urgent"


def test_an_urgent_mark_shortens_a_long_promise_and_the_wait_for_dispatch(town: Town) -> None:
    report, waiting = town.file(item="B0220"), town.file(item="B0220", accuracy=3000, lon=113.95)

    town.move(report, "mark_urgent", Role.DISPATCHER, note="大坑")
    town.move(waiting, "mark_urgent", Role.DISPATCHER, note="大坑")

    assert town.track(report)["due_at"] == "2026-11-24T02:00:00+00:00"
    assert town.clocks(waiting, "dispatch")[-1]["due_at"] == "2026-11-23T02:30:00+00:00"


@pytest.mark.usefixtures("urgent_words")
def test_an_urgent_word_of_the_pack_moves_it_to_the_green_channel_at_filing_and_at_joining(town: Town) -> None:
    urgent = town.file(item="B0220", description="路灯杆漏电!")
    calm = town.file(item="B0220", lon=113.95)

    town.file(description="GAS LEAK here", item="B0220", lon=113.95, same_as=calm["work_order"])

    assert town.show(urgent)["urgency"] == town.show(calm)["urgency"] == "urgent"
    assert town.clocks(urgent, "sign_for")[0]["due_at"] == "2026-11-23T02:30:00+00:00"
    assert town.track(calm)["due_at"] == "2026-11-24T02:00:00+00:00"
    assert (town.kinds(urgent)[1], town.kinds(calm)[-1]) == ("urgent", "urgent")


def test_each_unit_signs_and_finishes_its_own_part_and_the_last_one_fixes_it(town: Town) -> None:
    report = town.file()
    town.move(report, "involve", Role.DISPATCHER, unit=PARKS, note="树枝挡灯")
    town.move(report, "sign", Role.CREW, of=LIGHTING)

    unsigned = town.fix(report, unit=PARKS, status=409)
    town.move(report, "sign", Role.CREW, of=PARKS)
    first = town.fix(report, unit=LIGHTING)
    again = town.fix(report, unit=LIGHTING, color="blue", status=409)
    last = town.fix(report, unit=PARKS, color="red")

    assert unsigned["type"].endswith("#sign-first")
    assert (first["state"], last["state"]) == ("in_progress", "fixed")
    assert again["type"].endswith("#already-done")
    assert town.kinds(report)[2:] == ["involved", "signed", "part_signed", "part_fixed", "fixed"]
    assert [clock["met_at"] is not None for clock in town.clocks(report, "sign_for")] == [True, True]
    town.move(report, "sign", Role.CREW, of=WATER, status=404)


def test_a_co_unit_that_is_released_does_not_hold_up_the_others(town: Town) -> None:
    report = town.file()
    town.move(report, "involve", Role.UNIT_MANAGER, of=LIGHTING, unit=PARKS, note="树枝挡灯")
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    town.fix(report, unit=LIGHTING)

    wrong = town.move(report, "release", Role.DISPATCHER, unit=LIGHTING, note="不需要", status=409)
    done = town.move(report, "release", Role.DISPATCHER, unit=PARKS, note="不需要")

    assert wrong["type"].endswith(("#no-such-part", "#illegal-move"))
    assert (done["state"], done["co_units"]) == ("fixed", [])


def test_another_item_resolves_again_and_keeps_both_explanations(town: Town) -> None:
    report = town.file()

    town.move(report, "change", Role.DISPATCHER, item="S0699", note="不是路灯")

    shown = town.show(report)
    assert shown["unit"]["code"] == OFFICE
    assert shown["explanation"]["before"]["unit"] == LIGHTING
    assert town.kinds(report)[-1] == "transferred"


def test_another_position_within_the_same_unit_changes_the_place_and_nobody(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)

    moved = town.move(report, "change", Role.DISPATCHER, lon=114.055, lat=22.541, note="位置错了")

    shown = town.show(report)
    assert (moved["state"], shown["street"][:6], shown["unit"]["code"]) == ("in_progress", "440304", LIGHTING)
    assert town.kinds(report)[-1] == "changed"
    assert shown["events"][-1]["content"]["before"]["item"] == "B0121"
    town.move(report, "change", Role.DISPATCHER, note="什么都没有", status=422)
    town.move(report, "change", Role.DISPATCHER, lon=0, lat=0, note="海里", status=422)


def test_a_stale_version_is_refused_and_nothing_is_lost(town: Town) -> None:
    report = town.file()
    path = f"/work-orders/{report['work_order']}"
    tag = town.client.get(f"/api/v1{path}", headers=town.headers(Role.CREW)).headers["ETag"]
    town.move(report, "note", Role.CREW, note="先到一步")

    stale = town.post(f"{path}/moves", {"action": "sign"}, role=Role.CREW, headers={"If-Match": tag}, status=412)
    fresh = town.client.get(f"/api/v1{path}", headers=town.headers(Role.CREW)).headers["ETag"]
    town.post(f"{path}/moves", {"action": "sign"}, role=Role.CREW, headers={"If-Match": fresh})

    assert stale["type"].endswith("#stale-version")
    assert town.kinds(report)[2:] == ["note", "signed"]


def test_a_step_that_is_sent_again_is_taken_once_and_another_under_its_key_is_refused(town: Town) -> None:
    report = town.file()
    path, key = f"/work-orders/{report['work_order']}/moves", {"Idempotency-Key": str(new_key())}
    step = {"action": "sign", "phone_at": "2026-11-22T09:00:00+08:00"}

    for _ in range(3):
        town.post(path, step, role=Role.CREW, headers=key)
    other = town.post(path, {"action": "note", "note": "x"}, role=Role.CREW, headers=key, status=409)

    assert town.kinds(report) == ["received", "dispatched", "signed"]
    assert town.show(report)["events"][-1]["content"]["phone_at"] == "2026-11-22T09:00:00+08:00"
    assert other["type"].endswith("#step-key-reused")


def test_first_dispatch_success_is_counted_from_the_history(town: Town) -> None:
    stayed, moved = town.file(), town.file(lon=113.95)
    town.move(moved, "transfer", Role.DISPATCHER, unit=PARKS, note="灯在公园里")

    figures = town.get("/figures/first-dispatch", since="2026-11-23T00:00:00+08:00", until="2026-11-24T00:00:00+08:00")

    assert stayed["work_order"] != moved["work_order"]
    assert (figures["dispatched"], figures["stayed"], figures["share"]) == (2, 1, 0.5)
    assert [(unit["unit"], unit["share"]) for unit in figures["units"]] == [(LIGHTING, 0.5)]
