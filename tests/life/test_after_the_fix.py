"""After the fix: confirm, object, rate; rework, supervision; silence closes, a sample is checked first."""

from __future__ import annotations

import io
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.reports.models import SpotCheck
from app.reports.service import after_fix
from app.workorders.models import WorkOrder
from tests.life.conftest import LIGHTING, PARKS, WATER, Town
from tests.make import make_photo


def test_a_confirmation_closes_after_a_day_in_which_nobody_objects(town: Town) -> None:
    report = town.file()
    town.repair(report)

    town.answer(report, "confirm")
    town.wait(hours=23)
    before = town.track(report)["state"]
    town.wait(hours=2)

    assert (before, town.track(report)["state"]) == ("fixed", "closed")
    assert town.show(report)["outcome"] == "fixed"


def test_silence_closes_after_the_days_of_the_pack(town: Town) -> None:
    report = town.file()
    town.repair(report)

    town.wait(days=6, hours=23)
    before = town.track(report)["state"]
    town.wait(hours=2)

    assert (before, town.track(report)["state"]) == ("fixed", "closed")
    assert town.show(report)["events"][-1]["by"] == "system"


def test_a_confirmation_that_is_sent_twice_is_one_line_and_closes_no_later(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "confirm")

    town.wait(hours=20)
    town.answer(report, "confirm")
    town.wait(hours=5)

    assert town.kinds(report).count("confirmed") == 1
    assert town.show(report)["state"] == "closed"


def test_one_objection_reopens_though_nine_others_confirmed(town: Town) -> None:
    first = town.file()
    others = [town.file(same_as=first["work_order"]) for _ in range(9)]
    town.repair(first)
    for report in others:
        town.answer(report, "confirm")

    town.wait(hours=5)
    bare = town.answer(first, "object", status=422)
    town.answer(first, "object", reason="还是不亮")
    late = town.answer(others[0], "confirm", status=409)

    assert bare["errors"][0]["pointer"] == "/reason"
    assert "in_progress" in late["detail"]
    assert town.track(first)["state"] == "in_progress"
    said = next(event for event in town.track(others[0])["events"] if event["kind"] == "objected")
    assert said["note"] is None  # the words of one reporter are not shown to another
    assert town.show(first)["events"][-1]["content"]["reason"] == "还是不亮"
    town.wait(days=2)
    assert town.track(first)["state"] == "in_progress"


def test_an_objection_may_be_a_photo(town: Town) -> None:
    report = town.file()
    town.repair(report)

    answer = town.answer(report, "object", photos=(io.BytesIO(make_photo("black")), "dark.jpg"))

    assert answer["state"] == "in_progress"
    assert len(town.show(report)["events"][-1]["photos"]) == 1


def test_a_closed_one_is_reopened_by_its_reporter_within_the_days_of_the_pack(town: Town) -> None:
    soon, late = town.file(), town.file(lon=113.95)
    for report in (soon, late):
        town.repair(report)
    town.wait(days=8)

    town.wait(days=29)
    town.answer(soon, "object", reason="又坏了")
    town.wait(days=2)
    refused = town.answer(late, "object", reason="又坏了", status=409)

    assert town.track(soon)["state"] == "in_progress"
    assert refused["type"].endswith("#too-late-to-answer")


def test_a_good_rating_confirms(town: Town) -> None:
    report = town.file()
    town.answer(report, "rating", overall=5, status=409)
    town.repair(report)

    town.answer(report, "rating", overall=4, speed=5, attitude=4, result=3, comment="谢谢")
    town.wait(days=1, minutes=1)

    assert town.track(report)["state"] == "closed"
    figures = town.get("/figures/ratings", since="2026-11-01T00:00:00+08:00", until="2026-12-30T00:00:00+08:00")
    (unit,) = figures["units"]
    assert (unit["unit"], unit["ratings"], unit["work_orders"], unit["poor"]) == (LIGHTING, 1, 1, 0)
    assert (unit["overall"], unit["speed"], unit["attitude"], unit["result"]) == (4, 5, 4, 3)


@pytest.mark.parametrize("body", [{}, {"overall": 0}, {"overall": 6}, {"overall": "x"}, {"overall": 3, "speed": 9}])
def test_a_rating_is_one_to_five(town: Town, body: dict[str, object]) -> None:
    report = town.file()
    town.repair(report)

    town.answer(report, "rating", status=422, **body)

    assert town.track(report)["state"] == "fixed"


def test_a_bad_rating_opens_rework_whose_clock_the_unit_cannot_end(town: Town) -> None:
    report = town.file()
    town.repair(report)

    town.answer(report, "rating", overall=2)
    (clock,) = town.clocks(report, "rework")
    town.wait(hours=1)
    town.fix(report, color="blue")
    waiting = town.clocks(report, "rework")[0]
    town.wait(days=30)

    assert clock["due_at"] == "2026-11-26T02:00:00+00:00"  # three working days
    assert (waiting["paused_at"], waiting["met_at"]) == ("2026-11-23T03:00:00+00:00", None)
    assert town.track(report)["state"] == "fixed"  # silence does not close what came back
    town.move(report, "close", Role.UNIT_MANAGER, of=LIGHTING, status=403)
    town.answer(report, "confirm")
    assert town.clocks(report, "rework")[0]["met_at"] is not None
    town.wait(days=1, minutes=1)
    assert town.track(report)["state"] == "closed"


def test_rework_that_is_late_escalates_and_the_resident_hears_of_it(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "rating", overall=1)

    town.wait(days=4)

    assert town.clocks(report, "rework")[0]["breached_at"] is not None
    assert town.track(report)["events"][-1]["kind"] == "overdue"


def test_a_second_bad_rating_opens_supervision_with_a_level_and_an_answer_that_is_due(town: Town) -> None:
    report = town.file(item="S0699", description="一堆东西")
    office = "440305007-street_office"
    town.repair(report, unit=office)
    town.answer(report, "rating", overall=1)
    town.fix(report, unit=office, color="blue")

    town.answer(report, "rating", overall=2)

    (open_one,) = town.get("/supervisions", role=Role.SUPERVISOR, answered="false")["supervisions"]
    assert (open_one["unit"], open_one["level"], open_one["centre"]) == (office, "district", "440305-gov")
    assert open_one["due_at"] == "2026-11-25T02:00:00+00:00"  # two working days
    assert town.kinds(report)[-3:] == ["rated", "rework", "supervised"]
    town.move(report, "supervise", Role.SUPERVISOR, note="还有问题", status=409)
    town.move(report, "answer", Role.UNIT_MANAGER, of=office, note="原因: 未复查; 已安排专人")
    assert town.clocks(report, "supervision")[0]["met_at"] is not None
    assert town.get("/supervisions", role=Role.SUPERVISOR, answered="false")["supervisions"] == []
    town.move(report, "answer", Role.UNIT_MANAGER, of=office, note="再答", status=409)
    town.move(report, "supervise", Role.SUPERVISOR, note="仍不满意")
    (again,) = town.get("/supervisions", role=Role.SUPERVISOR, answered="false")["supervisions"]
    assert (again["level"], again["centre"]) == ("city", "sz-centre")


def test_ten_bad_ratings_of_one_repair_are_one_round_of_rework_and_no_supervision(town: Town) -> None:
    first = town.file()
    others = [town.file(same_as=first["work_order"]) for _ in range(9)]
    town.repair(first)

    for report in [first, *others]:
        town.answer(report, "rating", overall=1)

    kinds = town.kinds(first)
    assert (kinds.count("rated"), kinds.count("rework"), kinds.count("supervised")) == (10, 1, 0)
    figures = town.get("/figures/ratings", since="2026-11-01T00:00:00+08:00", until="2026-12-30T00:00:00+08:00")
    assert [(unit["ratings"], unit["work_orders"], unit["poor"]) for unit in figures["units"]] == [(10, 1, 10)]


def test_a_supervisor_reopens_and_closes(town: Town) -> None:
    report = town.file()
    town.repair(report)

    town.move(report, "reopen", Role.SUPERVISOR, note="抽查不合格")
    town.fix(report, color="blue")
    closed = town.move(report, "close", Role.SUPERVISOR, outcome="not_fixed", note="已移交")

    assert (closed["state"], closed["outcome"]) == ("closed", "not_fixed")


def drawn(town: Town, session: Session, report: dict[str, str]) -> SpotCheck | None:
    work_order = session.scalars(select(WorkOrder).where(WorkOrder.public_id == report["work_order"])).one()
    made = after_fix.sample(session, work_order.id, work_order.rounds, now=town.now)
    session.flush()
    return made


def test_the_sample_is_the_share_of_the_pack_and_higher_for_a_unit_that_is_rated_badly() -> None:
    draws = [after_fix._draw(UUID(int=number), 0) for number in range(10_000)]

    assert 0.04 < sum(draw < 0.05 for draw in draws) / len(draws) < 0.06
    assert 0.23 < sum(draw < 0.25 for draw in draws) / len(draws) < 0.27


def test_a_unit_that_is_often_rated_badly_is_sampled_more(town: Town, shenzhen: Session) -> None:
    report = town.file()
    town.repair(report)
    before = after_fix._share(shenzhen, LIGHTING, current_city(shenzhen), town.now)

    town.answer(report, "rating", overall=1)

    assert (before, after_fix._share(shenzhen, LIGHTING, current_city(shenzhen), town.now)) == (0.05, 0.25)
    assert after_fix._share(shenzhen, "sz-parks", current_city(shenzhen), town.now) == 0.05


def test_what_came_back_is_always_checked_and_does_not_close_before(town: Town, shenzhen: Session) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "object", reason="还是不亮")
    town.fix(report, color="blue")

    assert drawn(town, shenzhen, report) is not None
    assert drawn(town, shenzhen, report) is None  # once for each round
    town.answer(report, "confirm")
    town.wait(days=20)
    assert town.track(report)["state"] == "fixed"
    (check,) = town.get("/spot-checks", role=Role.SUPERVISOR)["checks"]
    assert check["reason"] == "rework"
    bare = town.post(f"/spot-checks/{check['id']}", {"kind": "call", "passed": True}, role=Role.SUPERVISOR, status=422)
    assert bare["errors"][0]["pointer"] == "/note"
    town.post(f"/spot-checks/{check['id']}", {"kind": "call", "passed": True, "note": "已恢复"}, role=Role.SUPERVISOR)
    town.wait(days=1, minutes=1)
    assert town.track(report)["state"] == "closed"
    assert town.get("/spot-checks", role=Role.SUPERVISOR)["checks"] == []


def test_a_check_that_fails_sends_it_back(town: Town, shenzhen: Session) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "object", reason="还是不亮")
    town.fix(report, color="blue")
    check = drawn(town, shenzhen, report)
    assert check is not None

    body = {"kind": "site", "passed": False, "note": "灯仍不亮"}
    town.post(f"/spot-checks/{check.id}", body, role=Role.CREW, status=403)
    town.post(f"/spot-checks/{check.id}", body, role=Role.DISPATCHER)

    assert town.track(report)["state"] == "in_progress"
    assert town.kinds(report)[-1] == "rework"  # an objection is no bad rating: this is the first
    town.post(f"/spot-checks/{check.id}", body, role=Role.DISPATCHER, status=404)
    town.fix(report, color="red")
    town.answer(report, "rating", overall=2)
    assert town.kinds(report)[-2:] == ["rework", "supervised"]


def test_a_bad_rating_that_was_taken_back_is_no_first_one(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "rating", overall=1)
    town.answer(report, "rating", overall=4)
    town.fix(report, color="blue")

    town.answer(report, "rating", overall=1)
    town.fix(report, color="red")
    at_first = town.kinds(report).count("supervised")
    town.answer(report, "rating", overall=1)

    assert (at_first, town.kinds(report).count("supervised")) == (0, 1)


def test_a_supervision_goes_with_the_work_to_the_next_unit(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.move(report, "reopen", Role.SUPERVISOR, note="抽查不合格")
    town.move(report, "supervise", Role.SUPERVISOR, note="为什么?")
    (before,) = town.get("/supervisions", role=Role.SUPERVISOR, answered="false")["supervisions"]

    town.move(report, "transfer", Role.DISPATCHER, unit=PARKS, note="灯在公园里")

    (after,) = town.get("/supervisions", role=Role.SUPERVISOR, answered="false")["supervisions"]
    assert (before["unit"], after["unit"], after["due_at"]) == (LIGHTING, PARKS, before["due_at"])
    assert [clock["unit"] for clock in town.clocks(report, "supervision")] == [PARKS]
    told = town.client.get("/api/v1/notices", headers=town.headers(Role.UNIT_MANAGER, unit=PARKS)).get_json()
    assert "supervised" in {notice["kind"] for notice in told["notices"]}
    town.move(report, "answer", Role.UNIT_MANAGER, of=PARKS, note="线路老化")


def test_an_answer_that_is_owed_is_owed_after_closing_too(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.move(report, "reopen", Role.SUPERVISOR, note="抽查不合格")
    town.move(report, "supervise", Role.SUPERVISOR, note="为什么?")
    town.fix(report, color="blue")
    town.move(report, "close", Role.SUPERVISOR)

    town.wait(days=3)
    overdue = town.clocks(report, "supervision")[0]["breached_at"]
    town.move(report, "answer", Role.UNIT_MANAGER, of=LIGHTING, note="线路老化")

    assert overdue is not None
    assert town.clocks(report, "supervision")[0]["met_at"] is not None
    assert town.track(report)["state"] == "closed"


def test_a_decline_ends_the_supervision_of_what_is_declined(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.move(report, "reopen", Role.SUPERVISOR, note="抽查不合格")
    town.move(report, "supervise", Role.SUPERVISOR, note="为什么?")

    town.move(report, "decline", Role.SUPERVISOR, reason="private_matter")

    assert town.get("/supervisions", role=Role.SUPERVISOR, answered="false")["supervisions"] == []


def test_a_report_of_what_is_said_to_be_fixed_joins_with_a_flag_and_after_three_days_no_more(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.wait(days=1)

    again = town.file(same_as=report["work_order"])
    town.wait(days=3)
    late = town.file(same_as=report["work_order"], status=409)

    assert again["joined"] is True
    assert town.show(report)["flags"] == ["reported_after_fix"]
    assert late["type"].endswith("#same-as-closed")


def test_a_check_that_nobody_made_before_it_came_back_keeps_the_next_repair_from_nothing(
    town: Town, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(after_fix, "_draw", lambda *_: 0.0)
    report = town.file()
    town.repair(report)
    assert drawn(town, shenzhen, report) is not None
    town.answer(report, "object", reason="还是不亮")
    town.fix(report, color="blue")
    assert drawn(town, shenzhen, report) is not None

    (check,) = town.get("/spot-checks", role=Role.SUPERVISOR)["checks"]
    town.post(f"/spot-checks/{check['id']}", {"kind": "call", "passed": True, "note": "已恢复"}, role=Role.SUPERVISOR)
    town.wait(days=1, minutes=1)

    assert town.track(report)["state"] == "closed"


def test_a_co_unit_does_not_answer_for_the_lead_unit(town: Town) -> None:
    report = town.file()
    town.move(report, "involve", Role.DISPATCHER, unit=WATER, note="井盖旁的灯")
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    town.move(report, "supervise", Role.SUPERVISOR, note="为什么?")

    town.move(report, "answer", Role.UNIT_MANAGER, of=WATER, note="不知道", status=409)

    town.move(report, "answer", Role.UNIT_MANAGER, of=LIGHTING, note="线路老化")
