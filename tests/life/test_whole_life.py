"""The whole life of one work order, through refusal, ruling, rework and supervision, by HTTP with a passed-in clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.workorders.anchors import anchor_next, last_over
from app.workorders.audit import verify
from tests.life.conftest import LIGHTING, PARKS, Town

HOLD: dict[str, Any] = {"note": "等灯杆", "reference": "采购 9", "until": "2026-11-25T09:00:00+08:00"}
REFUSAL: dict[str, Any] = {"note": "不是我们的灯", "reference": "深灯〔2024〕12号"}


def test_through_refusal_ruling_rework_and_supervision(town: Town, shenzhen: Session) -> None:
    first = town.file(contact="first@example.org", accuracy=3000)
    town.wait(minutes=20)
    second = town.file(contact="second@example.org", same_as=first["work_order"])
    town.move(first, "dispatch", Role.DISPATCHER, note="就是这里")
    town.wait(minutes=20)
    town.move(first, "refuse", Role.UNIT_MANAGER, of=LIGHTING, **REFUSAL)
    town.move(first, "secure", Role.CREW, of=LIGHTING, note="已围挡")
    town.wait(hours=2)
    town.move(first, "rule", Role.ADJUDICATOR, unit=PARKS, note="公园内的灯归公园", make_rule=True)
    town.move(first, "sign", Role.CREW, of=PARKS, phone_at="2026-11-23T12:35:00+08:00")
    town.move(first, "note", Role.CREW, of=PARKS, note="灯杆锈蚀")
    town.move(first, "hold", Role.UNIT_MANAGER, of=PARKS, **HOLD)
    town.until("2026-11-25T09:00")
    town.fix(first, unit=PARKS, color="green")
    town.answer(first, "confirm")
    town.answer(second, "rating", overall=2, comment="晚上还是不亮")
    town.wait(hours=3)
    town.fix(first, unit=PARKS, color="blue")
    town.answer(second, "rating", overall=1)
    town.move(first, "answer", Role.UNIT_MANAGER, of=PARKS, note="线路老化, 整体更换")
    town.wait(hours=20)
    town.fix(first, unit=PARKS, color="red")
    town.answer(second, "rating", overall=5)
    town.answer(first, "confirm")
    town.wait(days=1, minutes=1)

    shown = town.show(first)
    assert town.kinds(first) == [
        "received", "waiting", "joined", "dispatched", "refused", "secured", "ruled", "signed", "note", "held",
        "resumed", "fixed", "confirmed", "rated", "rework", "fixed", "rated", "rework", "supervised", "answered",
        "fixed", "rated", "confirmed", "closed",
    ]  # fmt: skip
    assert (shown["state"], shown["outcome"], shown["rounds"]) == ("closed", "fixed", 2)
    assert [step["progress"] for step in town.track(second)["steps"]] == ["done"] * 5
    assert not [clock for clock in shown["deadlines"] if not (clock["met_at"] or clock["stopped_at"])]
    assert shown["explanation"]["basis"] == "ruling"
    hidden = {"waiting", "refused", "rated", "supervised", "answered", "confirmed"}
    assert hidden.isdisjoint(event["kind"] for event in town.track(first)["events"])
    assert town.track(town.file(lon=113.945))["unit"]["code"] == PARKS  # the ruling is a rule now
    while anchor_next(shenzhen, through=last_over(town.now), now=town.now):
        pass
    verdict = verify(shenzhen, now=town.now)
    assert (verdict.first, verdict.broken) == (None, 0)
    assert verdict.lines > len(shown["events"])
    assert verdict.anchors == 3
