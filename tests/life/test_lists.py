"""Each list shows the clock that its lines wait by; a hold has an end and no promise."""

from __future__ import annotations

from typing import Any

from app.accounts.roles import Role
from tests.life.conftest import LIGHTING, PARKS, Town
from tests.life.test_holds_and_declines import HOLD


def lines(town: Town, **query: Any) -> dict[str, Any]:
    """Give the clocks of the list of work orders, by id."""
    return {each["work_order"]["id"]: each["clock"] for each in town.get("/work-orders", **query)["work_orders"]}


def tasks(town: Town, unit: str) -> list[Any]:
    answer = town.client.get("/api/v1/crew/queue", headers=town.headers(Role.CREW, unit=unit))
    assert answer.status_code == 200, answer.text
    return list(answer.get_json()["tasks"])


def test_what_awaits_dispatch_shows_until_when_and_whether_that_is_past(town: Town) -> None:
    report = town.file(accuracy=3000)

    before = lines(town, state="awaiting_dispatch")
    town.wait(minutes=121)
    after = lines(town, state="awaiting_dispatch")

    due = {"kind": "dispatch", "due_at": "2026-11-23T04:00:00+00:00"}
    assert before == {report["work_order"]: due | {"overdue": False}}
    assert after == {report["work_order"]: due | {"overdue": True}}


def test_the_queue_shows_the_time_to_sign_of_each_part_and_then_that_of_the_work(town: Town) -> None:
    report = town.file(item="B0220")
    promise = town.clocks(report, "handling")[0]["due_at"]
    unit = town.show(report)["unit"]["code"]
    town.wait(minutes=30)
    town.move(report, "involve", Role.DISPATCHER, unit=PARKS, note="树枝挡路")

    unsigned = [tasks(town, each)[0]["clock"] for each in (unit, PARKS)]
    town.move(report, "sign", Role.CREW, of=unit)
    signed = [tasks(town, each)[0]["clock"] for each in (unit, PARKS)]

    assert [clock["kind"] for clock in unsigned] == ["sign_for", "sign_for"]
    assert [clock["due_at"] for clock in unsigned] == ["2026-11-23T04:00:00+00:00", "2026-11-23T04:30:00+00:00"]
    assert signed == [{"kind": "handling", "due_at": promise, "overdue": False}, unsigned[1]]


def test_the_queue_shows_the_rework_clock_of_what_came_back(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "object", reason="还是不亮")

    (task,) = tasks(town, LIGHTING)

    assert task["clock"]["kind"] == "rework"
    assert task["clock"]["due_at"] == task["due_at"] == town.clocks(report, "rework")[0]["due_at"]


def test_a_dispute_shows_until_when_it_is_to_be_ruled_on(town: Town) -> None:
    report = town.file()
    town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, note="灯在公园里", reference="权属证明 7")

    (dispute,) = town.get("/disputes", role=Role.ADJUDICATOR)["disputes"]

    due = town.clocks(report, "adjudication")[0]["due_at"]
    assert dispute["clock"] == {"kind": "adjudication", "due_at": due, "overdue": False}
    assert (dispute["unit"], dispute["work_order"]["id"]) == (LIGHTING, report["work_order"])
    assert lines(town, state="disputed") == {report["work_order"]: dispute["clock"]}


def test_while_a_hold_pauses_the_promise_its_end_is_shown_instead(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    until = "2026-11-25T02:00:00+00:00"
    held = town.move(report, "hold", Role.UNIT_MANAGER, of=LIGHTING, **HOLD, until=until)

    (line,) = town.get("/work-orders", state="on_hold")["work_orders"]
    (task,) = tasks(town, LIGHTING)

    for shown in (held, line["work_order"], task, town.show(report), town.track(report)):
        assert (shown["due_at"], shown["hold_until"]) == (None, until)
    assert line["clock"] is task["clock"] is None
    town.until("2026-11-25T10:00")
    again = town.clocks(report, "handling")[0]["due_at"]
    tracked = town.track(report)
    assert (tracked["due_at"], tracked["hold_until"]) == (again, None)
    assert (tracked["events"][-1]["kind"], tracked["events"][-1]["due_at"]) == ("resumed", again)


def test_a_hold_of_what_came_back_pauses_no_promise(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "object", reason="还是不亮")
    due = town.clocks(report, "rework")[0]["due_at"]

    held = town.move(report, "hold", Role.UNIT_MANAGER, of=LIGHTING, **HOLD, until="2026-11-25T02:00:00+00:00")

    assert held["due_at"] == due
