"""A merge is undone to exactly what was; a split gives reports a work order of their own; both tell who is moved."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.roles import Role
from app.reports.models import ReportLink
from tests.life.conftest import LIGHTING, Town

DESK = Role.DISPATCHER
NEXT_LAMP = 113.9395
# What is the same before a merge and after its undoing.
STAYS = ("state", "reports", "unit", "parts", "due_at", "hold_until", "sensitive", "merged_into", "urgency")


def merge(town: Town, gone: dict[str, Any], into: dict[str, Any], *, status: int = 200, **more: Any) -> dict[str, Any]:
    body = {"into": into["work_order"], "note": "同一盏灯"} | more
    return town.post(f"/work-orders/{gone['work_order']}/merge", body, role=DESK, status=status)


def unmerge(town: Town, gone: dict[str, Any], *, status: int = 200, **more: Any) -> dict[str, Any]:
    return town.post(f"/work-orders/{gone['work_order']}/unmerge", {"note": "两盏灯"} | more, role=DESK, status=status)


def split(town: Town, of: dict[str, Any], *reports: dict[str, Any], status: int = 201, **more: Any) -> dict[str, Any]:
    body = {"reports": [each["number"] for each in reports], "note": "不是同一盏灯"} | more
    return town.post(f"/work-orders/{of['work_order']}/split", body, role=DESK, status=status)


def kept(town: Town, report: dict[str, Any]) -> dict[str, Any]:
    shown = town.show(report)
    clocks = [clock for clock in shown["deadlines"] if clock["stopped_at"] is None]
    return {name: shown[name] for name in STAYS if name in shown} | {"deadlines": clocks}


def links(town: Town) -> set[tuple[Any, ...]]:
    town.session.expire_all()
    return {
        (link.report_id, link.work_order_id, link.how, link.linked_at)
        for link in town.session.scalars(select(ReportLink))
    }


@pytest.mark.parametrize("step", ["dispatched", "in progress", "on hold", "supervised"])
def test_an_undone_merge_restores_exactly_what_was(town: Town, step: str) -> None:
    survivor, gone = town.file(), town.file(lon=NEXT_LAMP)
    if step != "dispatched":
        town.move(gone, "sign", Role.CREW, of=LIGHTING)
    if step == "on hold":
        until = "2026-11-25T11:00:00+08:00"
        town.move(gone, "hold", Role.UNIT_MANAGER, of=LIGHTING, note="等配件", reference="77", until=until)
    if step == "supervised":
        town.move(gone, "supervise", Role.SUPERVISOR, note="太慢")
    before, linked, other = kept(town, gone), links(town), kept(town, survivor)

    merge(town, gone, survivor)
    town.wait(minutes=5)
    answer = unmerge(town, gone)

    assert (kept(town, gone), links(town), kept(town, survivor)) == (before, linked, other)
    assert (answer["id"], answer["into"], answer["into_reports"]) == (survivor["work_order"], gone["work_order"], 1)
    assert town.kinds(gone)[-2:] == ["merged", "split"]
    assert town.kinds(survivor)[-2:] == ["merged", "split"]
    assert town.track(gone)["work_order"] == gone["work_order"]
    assert town.track(gone)["events"][-1]["note"] == "两盏灯"


def test_a_clock_that_fell_due_while_it_was_merged_is_acted_on_after_the_undoing(town: Town) -> None:
    survivor, gone = town.file(), town.file(lon=NEXT_LAMP)
    merge(town, gone, survivor)
    town.wait(days=30)
    while_merged = town.kinds(gone)

    unmerge(town, gone)
    town.wait(minutes=1)

    assert "overdue" not in while_merged
    assert "overdue" in town.kinds(gone)


def test_merges_in_a_row_are_undone_from_the_last_to_the_first(town: Town) -> None:
    first, second, third = town.file(), town.file(lon=NEXT_LAMP), town.file(lon=113.9401)
    before = links(town)
    merge(town, first, second)
    merge(town, second, third)

    refused = unmerge(town, first, status=409)
    unmerge(town, second)
    unmerge(town, first)
    again = unmerge(town, first, status=409)

    assert refused["type"].endswith("#cannot-undo")
    assert second["work_order"] in refused["detail"]
    assert again["type"].endswith("#illegal-move")
    assert links(town) == before
    assert [len(town.show(each)["reports"]) for each in (first, second, third)] == [1, 1, 1]


def test_what_joined_the_survivor_meanwhile_stays_there(town: Town) -> None:
    survivor, gone = town.file(), town.file(lon=NEXT_LAMP)
    merge(town, gone, survivor)
    later = town.file(same_as=survivor["work_order"])

    unmerge(town, gone)

    assert town.track(later)["work_order"] == survivor["work_order"]
    assert (len(town.show(survivor)["reports"]), len(town.show(gone)["reports"])) == (2, 1)


def test_reports_that_were_split_off_meanwhile_are_not_taken_back(town: Town) -> None:
    survivor, gone = town.file(), town.file(lon=NEXT_LAMP)
    merge(town, gone, survivor)
    apart = split(town, survivor, gone)["into"]

    refused = unmerge(town, gone, status=409)

    assert refused["type"].endswith("#cannot-undo")
    assert town.track(gone)["work_order"] == apart
    assert town.show(gone)["state"] == "merged"


def test_a_split_opens_a_work_order_of_its_own_with_clocks_of_its_own(town: Town) -> None:
    first = town.file()
    second = town.file(same_as=first["work_order"], lon=NEXT_LAMP)
    due = town.clocks(first, "handling")[0]["due_at"]
    town.wait(hours=3)

    answer = split(town, first, second)

    opened = {"work_order": answer["into"]}
    assert (answer["reports"], answer["into_reports"], answer["into_state"]) == (1, 1, "dispatched")
    assert town.clocks(first, "handling")[0]["due_at"] == due
    assert town.clocks(opened, "handling")[0]["starts_at"] > town.clocks(first, "handling")[0]["starts_at"]
    assert town.show(opened)["unit"]["code"] == LIGHTING
    assert town.show(opened)["lon"] == pytest.approx(NEXT_LAMP)
    assert town.kinds(opened) == ["split", "dispatched"]
    assert town.kinds(first)[-1] == "split"
    tracked = town.track(second)
    assert (tracked["work_order"], tracked["events"][0]["note"]) == (answer["into"], "不是同一盏灯")
    assert "split" not in [event["kind"] for event in town.track(first)["events"]]


def test_a_split_about_another_item_goes_to_the_unit_of_that(town: Town) -> None:
    first = town.file()
    second = town.file(same_as=first["work_order"])

    opened = {"work_order": split(town, first, second, item="B0220")["into"]}

    assert town.show(opened)["item"]["code"] == "B0220"
    assert town.show(opened)["unit"]["code"] != LIGHTING


def test_a_merge_takes_a_split_back(town: Town) -> None:
    first = town.file()
    second = town.file(same_as=first["work_order"])
    opened = {"work_order": split(town, first, second)["into"]}

    merge(town, opened, first)

    assert town.track(second)["work_order"] == first["work_order"]
    assert len(town.show(first)["reports"]) == 2


def test_bad_splits_say_what_is_wrong_and_change_nothing(town: Town) -> None:
    first, other = town.file(), town.file(lon=NEXT_LAMP)
    second = town.file(same_as=first["work_order"])
    before = links(town)

    foreign = split(town, first, other, status=409)
    everything = split(town, first, first, second, status=409)
    bare = split(town, first, second, status=422, note="")
    nothing = split(town, first, status=422)
    unknown = split(town, first, second, status=422, item="nonsense")

    assert other["number"] in foreign["detail"]
    assert {foreign["type"].rpartition("#")[2], everything["type"].rpartition("#")[2]} == {"cannot-split"}
    assert bare["errors"][0]["pointer"] == "/note"
    assert nothing["errors"][0]["pointer"].startswith("/reports")
    assert "nonsense" in unknown["detail"]
    assert links(town) == before


def test_the_desk_is_shown_what_may_be_merged_with_reasons(town: Town) -> None:
    first, second = town.file(), town.file(lon=NEXT_LAMP)

    (found,) = town.client.get(
        f"/api/v1/work-orders/{first['work_order']}/similar", headers=town.headers(DESK)
    ).get_json()

    assert found["id"] == second["work_order"]
    assert 0 < found["chance"] < 1
    assert found["brief"]["en"].endswith("m away, same item, within the hour")
    assert {"zh", "en", "weight"} == set(found["why"][0])
    assert town.get("/work-orders/0000000000/similar", status=404)
