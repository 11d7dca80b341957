"""A unit refuses once, inside its time, with reason and evidence; an adjudicator rules."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.accounts.roles import Role
from tests.life.conftest import LIGHTING, PARKS, WATER, Town
from tests.make import YUEHAI

REFUSAL: dict[str, Any] = {"note": "不是我们的灯", "reference": "深灯〔2024〕12号"}


def test_a_refusal_needs_reason_and_evidence(town: Town) -> None:
    report = town.file()

    bare = town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, status=422)
    town.move(report, "refuse", Role.CREW, of=LIGHTING, **REFUSAL, status=403)

    assert [error["pointer"] for error in bare["errors"]] == ["/note", "/photos"]
    assert town.kinds(report) == ["received", "dispatched"]


def test_a_refusal_opens_a_dispute_and_the_first_unit_keeps_the_duty_to_make_it_safe(town: Town) -> None:
    report = town.file()
    town.wait(minutes=30)

    town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)
    town.move(report, "secure", Role.CREW, of=LIGHTING, note="已围挡")

    disputes = town.get("/disputes", role=Role.ADJUDICATOR)["disputes"]
    assert [(each["work_order"]["id"], each["unit"], each["reason"]) for each in disputes] == [
        (report["work_order"], LIGHTING, "不是我们的灯")
    ]
    assert town.show(report)["unit"]["code"] == LIGHTING
    assert town.track(report)["steps"][1]["progress"] == "current"  # the public sees: dispatched
    told = [event["kind"] for event in town.track(report)["events"]]
    assert told == ["received", "dispatched", "secured"]
    (clock,) = town.clocks(report, "adjudication")
    assert clock["due_at"] == "2026-11-24T02:30:00+00:00"  # one working day
    town.move(report, "sign", Role.CREW, of=LIGHTING, status=409)


def test_who_refused_hears_of_the_ruling_that_freed_them(town: Town) -> None:
    report = town.file()
    town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)
    town.move(report, "rule", Role.ADJUDICATOR, unit=PARKS, note="灯在公园里")

    own = town.headers(Role.UNIT_MANAGER, unit=LIGHTING)
    (notice,) = town.client.get("/api/v1/notices", headers=own).get_json()["notices"]
    (ended,) = town.client.get("/api/v1/disputes?ended=true", headers=own).get_json()["disputes"]
    others = town.headers(Role.UNIT_MANAGER, unit=WATER)

    assert (notice["kind"], notice["work_order"]["id"]) == ("ruled", report["work_order"])
    assert (ended["unit"], ended["ruled_unit"], ended["ruling"]) == (LIGHTING, PARKS, "灯在公园里")
    assert town.client.get("/api/v1/disputes?ended=true", headers=others).get_json()["disputes"] == []
    assert town.get("/disputes", role=Role.ADJUDICATOR)["disputes"] == []


def test_disputes_are_listed_oldest_first(town: Town) -> None:
    reports = [town.file(lon=113.93 + 0.01 * number) for number in range(3)]
    for report in reversed(reports):
        town.wait(minutes=1)
        town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)

    first = town.get("/disputes", role=Role.ADJUDICATOR, limit=2)
    rest = town.get("/disputes", role=Role.ADJUDICATOR, limit=2, cursor=first["next"])

    found = [each["work_order"]["id"] for each in [*first["disputes"], *rest["disputes"]]]
    assert found == [report["work_order"] for report in reversed(reports)]
    assert rest["next"] is None


def test_after_its_time_to_sign_a_unit_cannot_refuse(town: Town) -> None:
    report = town.file()
    town.wait(minutes=121)

    late = town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL, status=409)

    assert late["type"].endswith("#too-late-to-refuse")


def test_a_ruling_gives_it_to_a_unit_that_cannot_refuse_it_again(town: Town) -> None:
    report = town.file()
    handling = town.clocks(report, "handling")[0]["due_at"]
    town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)
    town.wait(minutes=60)

    town.move(report, "rule", Role.DISPATCHER, unit=PARKS, note="公园内", status=403)
    ruled = town.move(report, "rule", Role.ADJUDICATOR, unit=PARKS, note="公园内的灯归公园")

    assert (ruled["state"], ruled["unit"]) == ("dispatched", PARKS)
    assert town.clocks(report, "sign_for")[-1]["due_at"] == "2026-11-23T05:00:00+00:00"
    assert town.clocks(report, "handling")[0]["due_at"] == handling
    assert town.clocks(report, "adjudication")[0]["met_at"] == "2026-11-23T03:00:00+00:00"
    again = town.move(report, "refuse", Role.UNIT_MANAGER, of=PARKS, **REFUSAL, status=409)
    assert again["type"].endswith("#refused-before")
    town.move(report, "note", Role.CREW, of=LIGHTING, note="看不到了", status=404)
    assert town.get("/disputes", role=Role.ADJUDICATOR)["disputes"] == []


def test_a_unit_refuses_once_also_when_the_ruling_leaves_it_there_or_it_comes_back(town: Town) -> None:
    kept, back = town.file(), town.file(lon=113.95)
    for report in (kept, back):
        town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)

    town.move(kept, "rule", Role.ADJUDICATOR, unit=LIGHTING, note="归你们")
    town.move(back, "rule", Role.ADJUDICATOR, unit=PARKS, note="归公园")
    town.move(back, "transfer", Role.DISPATCHER, unit=LIGHTING, note="还是归灯光")

    for report in (kept, back):
        town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL, status=409)
        town.move(report, "sign", Role.CREW, of=LIGHTING)


@pytest.mark.parametrize("make_rule", [True, False])
def test_a_ruling_can_be_made_a_rule_for_what_comes_next(town: Town, make_rule: bool) -> None:
    report = town.file()
    town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)

    town.move(report, "rule", Role.ADJUDICATOR, unit=PARKS, note="公园内的灯归公园", make_rule=make_rule)
    later = town.file(lon=113.945)

    assert town.track(later)["unit"]["code"] == (PARKS if make_rule else LIGHTING)
    if make_rule:
        explanation = town.show(later)["explanation"]
        assert (explanation["rule"]["origin"], explanation["rule"]["note"]) == ("ruling", "公园内的灯归公园")


def test_a_ruling_about_a_thing_whose_owner_refused_holds_for_the_next_report_of_it(town: Town) -> None:
    lamp = text(
        "INSERT INTO assets (id, code, asset_class, name, owner, geom, properties, since, digest) "
        "VALUES (gen_random_uuid(), 'lamp-1', 'street_light', '', :owner, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), "
        "'{}', 1, '')"
    )
    town.session.execute(lamp, {"owner": PARKS, "lon": YUEHAI[0], "lat": YUEHAI[1]})
    report = town.file()
    assert town.track(report)["unit"]["code"] == PARKS
    town.move(report, "refuse", Role.UNIT_MANAGER, of=PARKS, **REFUSAL)

    town.move(report, "rule", Role.ADJUDICATOR, unit=LIGHTING, note="公园的灯也归灯光", make_rule=True)
    later = town.file()

    assert town.track(later)["unit"]["code"] == LIGHTING
    assert town.show(later)["explanation"]["rule"]["asset_owner"] == PARKS


def test_a_ruling_that_is_late_escalates(town: Town) -> None:
    report = town.file()
    town.move(report, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)

    town.wait(days=2)

    assert "adjudication" in {
        event["content"]["clock"] for event in town.show(report)["events"] if event["kind"] == "escalated"
    }


def test_the_late_signature_of_a_co_unit_takes_nothing_from_the_time_to_refuse(town: Town) -> None:
    report = town.file()
    town.move(report, "involve", Role.DISPATCHER, unit=WATER, note="井盖旁的灯")
    town.wait(minutes=150)
    town.move(report, "transfer", Role.DISPATCHER, unit=PARKS, note="灯在公园里")

    town.wait(minutes=60)

    town.move(report, "refuse", Role.UNIT_MANAGER, of=PARKS, **REFUSAL)
