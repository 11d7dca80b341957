"""A change of item or place: the reasons to wait are those of now, and an urgent item is urgent."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue.models import Unit
from tests.life.conftest import LIGHTING, Town
from tests.make import YUEHAI

MANHOLE = "B0101"  # urgent, and no manhole is on the city's map
LON, LAT = YUEHAI


def waits(town: Town) -> dict[str, Any]:
    (line,) = town.get("/work-orders", state="awaiting_dispatch")["work_orders"]
    return dict(line["waits"])


def names(found: dict[str, Any]) -> list[str]:
    return [each["reason"] for each in found["reasons"]]


def nobody_takes_anything(session: Session) -> None:
    session.execute(update(Unit).where(Unit.role.in_(("street_office", "urban_management"))).values(until=1))
    session.flush()


def test_after_a_change_it_waits_for_the_reasons_of_now(town: Town) -> None:
    report = town.file(accuracy=3000)
    before = waits(town)

    town.move(report, "change", Role.DISPATCHER, item="B0503", lon=114.0, lat=22.6, note="是充电桩")
    charging = waits(town)
    town.move(report, "change", Role.DISPATCHER, item="B0121", lon=LON, lat=LAT, note="还是路灯")
    clear = waits(town)

    assert names(before) == ["street_uncertain"]
    assert names(charging) == ["no_asset_near"]
    assert names(clear) == ["changed"]  # nothing else is left: a person sends on what a person sent here
    assert clear["proposed"]["unit"] == LIGHTING


def test_that_photo_and_position_disagree_stands_until_the_position_is_corrected(town: Town, shared: Path) -> None:
    photo = (shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").read_bytes()
    form = {"photos": (io.BytesIO(photo), "light.jpg"), "item": "B0121", "lon": "113.95", "lat": "22.55"}
    report = town.post("/reports", form, status=201)
    first = waits(town)

    town.move(report, "change", Role.DISPATCHER, item="B0220", note="是路面")
    still = waits(town)
    town.move(report, "change", Role.DISPATCHER, lon=LON, lat=LAT, note="以照片为准")

    assert still["reasons"] == first["reasons"]
    assert names(waits(town)) == ["changed"]


def test_a_change_to_what_nobody_is_responsible_for_goes_on_waiting_and_says_so(town: Town) -> None:
    report, sent = town.file(accuracy=3000), town.file(lon=113.95)
    nobody_takes_anything(town.session)

    town.move(report, "change", Role.DISPATCHER, item="S0699", lon=LON, lat=LAT, note="一堆东西")
    town.move(sent, "change", Role.DISPATCHER, item="S0699", note="一堆东西", status=503)

    found = waits(town)
    assert found == {"reasons": [{"reason": "nobody_responsible", "street": "440305007"}], "proposed": None}
    assert town.show(report)["item"]["code"] == "S0699"
    assert town.show(sent)["item"]["code"] == "B0121"


def test_taken_on_after_all_it_waits_because_of_that_and_not_as_at_first(town: Town) -> None:
    report = town.file()
    town.move(report, "decline", Role.DISPATCHER, reason="not_found")

    town.move(report, "reconsider", Role.SUPERVISOR, note="有图")

    found = waits(town)
    assert names(found) == ["reconsidered"]
    assert found["proposed"]["unit"] == LIGHTING


def test_a_change_to_an_urgent_item_moves_it_to_the_green_channel_once(town: Town) -> None:
    report = town.file(item="B0220")
    town.wait(minutes=10)

    town.move(report, "change", Role.DISPATCHER, item=MANHOLE, note="是井盖")

    shown = town.show(report)
    assert shown["urgency"] == "urgent"
    (signing,) = [each for each in town.clocks(report, "sign_for") if each["stopped_at"] is None]
    assert signing["due_at"] == "2026-11-23T02:40:00+00:00"
    assert shown["due_at"] == "2026-11-24T02:10:00+00:00"  # 24 hours from then, instead of 5 working days
    assert "urgent" in town.kinds(report)
    town.move(report, "mark_urgent", Role.DISPATCHER, note="再一次", status=409)
    town.wait(minutes=10)
    town.move(report, "change", Role.DISPATCHER, item="B0102", note="是污水井盖")
    assert town.show(report)["due_at"] == "2026-11-24T02:10:00+00:00"


def test_what_waits_is_to_be_dispatched_sooner_once_its_item_is_urgent(town: Town) -> None:
    report = town.file(item="B0220", accuracy=3000)

    town.move(report, "change", Role.DISPATCHER, item=MANHOLE, note="是井盖")

    assert town.clocks(report, "dispatch")[-1]["due_at"] == "2026-11-23T02:30:00+00:00"


def test_a_change_to_an_item_without_haste_takes_no_urgency_away_that_a_person_set(town: Town) -> None:
    marked, by_item = town.file(item="B0121"), town.file(item=MANHOLE, lon=113.95, accuracy=3000)
    town.move(marked, "mark_urgent", Role.DISPATCHER, note="学校门口")

    town.move(marked, "change", Role.DISPATCHER, item="B0220", note="是路面")
    town.move(by_item, "change", Role.DISPATCHER, item="B0220", note="是路面")

    assert town.show(marked)["urgency"] == "urgent"
    assert town.show(by_item)["urgency"] == "general"
