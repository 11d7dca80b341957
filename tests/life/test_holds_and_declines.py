"""A hold pauses the handling clock only and has an end; what the city cannot do is a register that is reviewed."""

from __future__ import annotations

from typing import Any

import pytest

from app.accounts.roles import Role
from tests.life.conftest import LIGHTING, PARKS, WATER, Town

HOLD: dict[str, Any] = {"note": "等配件", "reference": "采购单 77"}


def working(town: Town) -> dict[str, object]:
    report = town.file(item="B0220")  # 5 working days, by the transport unit
    town.move(report, "sign", Role.CREW)
    return report


def test_a_hold_pauses_the_handling_clock_and_no_other(town: Town) -> None:
    report = working(town)
    before = town.clocks(report, "handling")[0]["due_at"]

    town.wait(hours=1)
    town.move(report, "hold", Role.UNIT_MANAGER, **HOLD, until="2026-11-25T11:00:00+08:00")
    paused = town.clocks(report, "handling")[0]
    town.until("2026-11-25T11:00")

    shown = town.show(report)
    assert (before, paused["paused_at"]) == ("2026-11-30T02:00:00+00:00", "2026-11-23T03:00:00+00:00")
    # Held from Monday 11:00 to Wednesday 11:00: two working days later than it was.
    assert town.clocks(report, "handling")[0]["due_at"] == "2026-12-02T02:00:00+00:00"
    assert (shown["state"], shown["hold_until"]) == ("in_progress", None)
    assert town.kinds(report)[-2:] == ["held", "resumed"]
    held = next(event for event in town.track(report)["events"] if event["kind"] == "held")
    assert (held["note"], held["until"]) == ("等配件", "2026-11-25T11:00:00+08:00")


def test_a_paused_clock_is_not_breached_and_a_hold_may_end_early(town: Town) -> None:
    report = working(town)
    town.move(report, "hold", Role.UNIT_MANAGER, **HOLD, until="2026-12-20T11:00:00+08:00")

    assert town.wait(days=14) == 0
    town.move(report, "resume", Role.UNIT_MANAGER, note="配件到了")

    assert town.clocks(report, "handling")[0]["breached_at"] is None
    assert town.clocks(report, "handling")[0]["paused_at"] is None


@pytest.mark.parametrize(
    ("over", "pointer"),
    [
        ({"until": "2026-11-01T00:00:00+08:00"}, "/until"),
        ({"until": "2029-01-01T00:00:00+08:00"}, "/until"),
        ({"until": None}, "/until"),
        ({"note": "", "until": "2026-12-20T11:00:00+08:00"}, "/note"),
        ({"reference": "", "until": "2026-12-20T11:00:00+08:00"}, "/photos"),
    ],
)
def test_a_hold_needs_a_reason_evidence_and_an_end(town: Town, over: dict[str, str], pointer: str) -> None:
    report = working(town)

    refused = town.move(report, "hold", Role.UNIT_MANAGER, **(HOLD | over), status=422)

    assert refused["errors"][0]["pointer"] == pointer
    assert town.show(report)["state"] == "in_progress"


def test_declined_with_a_reason_that_the_resident_can_read_and_reviewed_by_a_supervisor(town: Town) -> None:
    report = town.file()

    unknown = town.move(report, "decline", Role.DISPATCHER, reason="because", status=422)
    town.move(report, "decline", Role.DISPATCHER, reason="private_matter", note="小区内部道路")

    assert "private_matter" in unknown["detail"]
    tracked = town.track(report)
    assert [step["step"] for step in tracked["steps"]] == ["received", "declined"]
    last = tracked["events"][-1]
    assert last["declined"]["name_zh"].startswith("属于民事纠纷")
    assert last["declined"]["change_en"]
    assert last["note"] == "小区内部道路"
    assert all(clock["stopped_at"] or clock["met_at"] for clock in town.show(report)["deadlines"])
    (line,) = town.get("/declines", role=Role.SUPERVISOR, reviewed="false")["declines"]
    assert (line["work_order"]["id"], line["reason"]) == (report["work_order"], "private_matter")
    town.move(report, "uphold", Role.SUPERVISOR, note="理由成立")
    assert town.get("/declines", role=Role.SUPERVISOR, reviewed="false")["declines"] == []
    assert town.get("/declines", role=Role.SUPERVISOR)["declines"][0]["verdict"] == "upheld"
    town.move(report, "uphold", Role.SUPERVISOR, note="再来", status=409)


def test_a_decline_that_is_reconsidered_awaits_dispatch_by_a_clock_of_its_own(town: Town) -> None:
    report = town.file()
    town.move(report, "decline", Role.DISPATCHER, reason="not_found")
    town.wait(days=1)

    town.move(report, "reconsider", Role.SUPERVISOR, note="照片清楚, 应受理")
    town.move(report, "dispatch", Role.DISPATCHER, unit=PARKS, note="归公园")

    assert town.kinds(report)[2:] == ["declined", "reconsidered", "dispatched"]
    assert town.clocks(report, "dispatch")[0]["starts_at"] == "2026-11-24T02:00:00+00:00"
    assert town.track(report)["unit"]["code"] == PARKS
    assert town.track(report)["steps"][1]["progress"] == "current"


def test_merged_reporters_follow_the_survivor_whose_clocks_stand(town: Town) -> None:
    survivor = town.file()
    due = town.clocks(survivor, "handling")[0]["due_at"]
    town.wait(minutes=30)
    gone = town.file(lon=113.9395)

    town.post(f"/work-orders/{gone['work_order']}/merge", {"into": survivor["work_order"]}, role=Role.CREW, status=403)
    bare = town.post(
        f"/work-orders/{gone['work_order']}/merge", {"into": survivor["work_order"]}, role=Role.DISPATCHER, status=422
    )
    merged = town.post(
        f"/work-orders/{gone['work_order']}/merge",
        {"into": survivor["work_order"], "note": "同一盏灯"},
        role=Role.DISPATCHER,
    )

    assert bare["errors"][0]["pointer"] == "/note"
    assert (merged["state"], merged["reports"]) == ("merged", 2)
    tracked = town.track(gone)
    assert tracked["work_order"] == survivor["work_order"]
    assert (tracked["events"][-1]["kind"], tracked["events"][-1]["note"]) == ("merged", "同一盏灯")
    assert town.clocks(survivor, "handling")[0]["due_at"] == due
    assert town.show(gone)["merged_into"] == survivor["work_order"]
    assert all(clock["stopped_at"] for clock in town.show(gone)["deadlines"])
    opposite = town.post(
        f"/work-orders/{survivor['work_order']}/merge",
        {"into": gone["work_order"], "note": "反过来"},
        role=Role.DISPATCHER,
        status=409,
    )
    assert opposite["type"].endswith("#cannot-merge")
    assert town.kinds(survivor)[:2] == ["received", "dispatched"]
    town.repair(survivor)
    assert town.answer(gone, "confirm")["state"] == "fixed"
    assert LIGHTING in {each["unit"]["code"] for each in town.show(survivor)["parts"]}


def test_two_that_lie_far_apart_are_merged_only_where_the_desk_says_so(town: Town) -> None:
    survivor, near, far = town.file(), town.file(lat=22.5291), town.file(lat=22.5311)  # 445 and 667 m to the north

    def merge(report: dict[str, Any], *, status: int = 200, **more: Any) -> dict[str, Any]:
        body = {"into": survivor["work_order"], "note": "同一处漏水"} | more
        return town.post(f"/work-orders/{report['work_order']}/merge", body, role=Role.DISPATCHER, status=status)

    refused = merge(far, status=422)
    state = town.show(far)["state"]
    merge(near)
    merged = merge(far, far=True)

    assert (state, merged["state"], merged["reports"]) == ("dispatched", "merged", 3)
    assert refused["type"].endswith("#too-far-to-merge")
    assert (refused["distance_m"], refused["within_m"]) == (667, 500)
    assert refused["errors"][0]["pointer"] == "/into"
    assert all(said in refused["detail"] for said in ("667 m", "500 m", "`far`"))
    assert town.show(survivor)["events"][-1]["content"]["distance_m"] == 667


@pytest.mark.parametrize("until", ["2026-12-01T09:00:00", "tomorrow", "2026-12-01T09:00:00 08:00"])
def test_an_end_without_its_time_zone_is_told_how_to_write_one(town: Town, until: str) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    hold = {"note": "等配件", "reference": "77", "until": until}

    refused = town.move(report, "hold", Role.UNIT_MANAGER, of=LIGHTING, status=422, **hold)

    (error,) = refused["errors"]
    assert error["pointer"] == "/until"
    assert "2026-12-01T09:00:00+08:00" in error["detail"]


def test_a_merged_reporter_rates_the_survivor_and_what_they_said_before_stands(town: Town) -> None:
    gone, survivor = town.file(), town.file(item="S0699")
    town.repair(gone)
    town.answer(gone, "rating", overall=1)
    body = {"into": survivor["work_order"], "note": "同一处"}
    town.post(f"/work-orders/{gone['work_order']}/merge", body, role=Role.DISPATCHER)
    office = town.show(survivor)["unit"]["code"]
    town.repair(survivor, unit=office, color="blue")

    town.answer(gone, "rating", overall=4)
    town.answer(gone, "rating", overall=5)

    period: dict[str, Any] = {"since": "2026-11-01T00:00:00+08:00", "until": "2026-12-30T00:00:00+08:00"}
    units = town.get("/figures/ratings", **period)["units"]
    rated = {unit["unit"]: (unit["ratings"], unit["overall"]) for unit in units}
    assert rated == {LIGHTING: (1, 1.0), office: (1, 5.0)}


def test_an_urgent_mark_gives_a_paused_clock_no_more_time_than_it_had(town: Town) -> None:
    report = working(town)
    town.until("2026-11-30T09:30")
    town.move(report, "hold", Role.UNIT_MANAGER, **HOLD, until="2026-12-20T11:00:00+08:00")

    town.move(report, "mark_urgent", Role.DISPATCHER, note="漏电")
    town.move(report, "resume", Role.UNIT_MANAGER)

    assert town.show(report)["due_at"] == "2026-11-30T02:00:00+00:00"


def test_the_hold_of_the_lead_unit_is_not_ended_by_a_co_unit(town: Town) -> None:
    report = working(town)
    town.move(report, "involve", Role.DISPATCHER, unit=WATER, note="井盖旁的灯")
    unit = town.show(report)["unit"]["code"]
    town.move(report, "hold", Role.UNIT_MANAGER, of=unit, **HOLD, until="2026-12-20T11:00:00+08:00")

    town.move(report, "resume", Role.UNIT_MANAGER, of=WATER, status=409)
    town.move(report, "resume", Role.UNIT_MANAGER, of=unit)


def test_an_urgent_mark_speeds_up_a_rework_too(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "rating", overall=1)
    (before,) = town.clocks(report, "rework")

    town.move(report, "mark_urgent", Role.DISPATCHER, note="漏电")

    assert town.clocks(report, "rework")[-1]["due_at"] < before["due_at"]
