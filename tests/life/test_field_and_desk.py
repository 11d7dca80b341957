"""The crew's queue, batch sign-for, evidence that a person looks at; intake at a desk."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import text

from app.accounts.roles import Role
from tests.life.conftest import LIGHTING, PARKS, WATER, Town
from tests.make import YUEHAI, make_photo, new_key


def queue(town: Town, **query: object) -> list[str]:
    answer = town.client.get("/api/v1/crew/queue", headers=town.headers(Role.CREW, unit=LIGHTING), query_string=query)
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.get_json()["tasks"]]


def test_the_queue_has_urgent_and_due_first_or_the_nearest_first(town: Town) -> None:
    early = town.file()
    town.wait(minutes=10)
    near_the_park = town.file(lon=113.95)
    town.wait(minutes=10)
    pressing = town.file(lon=113.96)
    town.move(pressing, "mark_urgent", Role.DISPATCHER, note="漏电")
    others = town.file(item="S0699", lon=113.93)

    by_clock = queue(town)
    by_distance = queue(town, lon=113.951, lat=YUEHAI[1])

    assert by_clock == [pressing["work_order"], early["work_order"], near_the_park["work_order"]]
    assert by_distance == [near_the_park["work_order"], pressing["work_order"], early["work_order"]]
    assert others["work_order"] not in by_clock
    first = town.client.get("/api/v1/crew/queue?limit=2", headers=town.headers(Role.CREW, unit=LIGHTING)).get_json()
    assert queue(town, limit=2, cursor=first["next"]) == by_clock[2:]
    assert [*queue(town, lon=113.951, lat=YUEHAI[1], limit=1)] == by_distance[:1]


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMiwzXQ", "bnVsbA"])
def test_a_cursor_that_is_not_ours_is_refused(town: Town, cursor: str) -> None:
    answer = town.client.get(f"/api/v1/crew/queue?cursor={cursor}", headers=town.headers(Role.CREW))

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/cursor"


def test_what_a_unit_finished_or_gave_away_leaves_its_queue(town: Town) -> None:
    fixed, moved = town.file(), town.file(lon=113.95)
    town.repair(fixed)
    town.move(moved, "transfer", Role.DISPATCHER, unit=PARKS, note="灯在公园里")

    assert queue(town) == []


def test_a_batch_signs_for_each_and_tells_what_was_refused(town: Town) -> None:
    mine, other = town.file(), town.file(item="S0699", lon=113.95)
    body = {"work_orders": [mine["work_order"], other["work_order"], "NOBODY"], "phone_at": "2026-11-23T08:00:00+08:00"}

    first = town.post("/crew/sign-for", body, role=Role.CREW, unit=LIGHTING)["list"]
    again = town.post("/crew/sign-for", body, role=Role.CREW, unit=LIGHTING)["list"]

    assert [(each["signed"], each["state"]) for each in first] == [(True, "in_progress"), (False, None), (False, None)]
    assert first[1]["problem"]["type"] == "no-such-work-order"
    assert [each["signed"] for each in again] == [True, False, False]  # its answer may have been lost on the way
    assert town.kinds(mine).count("signed") == 1
    assert town.kinds(other) == ["received", "dispatched"]


def test_a_photo_of_another_place_is_found_told_at_once_and_left_to_the_manager(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)

    fixed = town.fix(report)
    own = town.headers(Role.UNIT_MANAGER, unit=LIGHTING)
    (check,) = town.client.get("/api/v1/evidence-checks", headers=own).get_json()["checks"]

    assert fixed["state"] == "fixed"
    assert fixed["check"]["failed"] is True  # one flat colour shows nothing
    failed = {finding["kind"] for finding in fixed["check"]["findings"] if finding["passed"] is False}
    assert failed == {"sharpness"}
    assert check["work_order"] == report["work_order"]
    foreign = town.client.get("/api/v1/evidence-checks", headers=town.headers(Role.UNIT_MANAGER, unit=PARKS))
    assert foreign.get_json()["checks"] == []
    path = f"/evidence-checks/{check['id']}"
    town.post(path, {"verdict": "accepted"}, role=Role.UNIT_MANAGER, unit=PARKS, status=404)
    town.post(path, {"verdict": "accepted"}, role=Role.UNIT_MANAGER, unit=LIGHTING)
    town.post(path, {"verdict": "accepted"}, role=Role.UNIT_MANAGER, unit=LIGHTING, status=409)
    assert town.show(report)["checks"][0]["verdict"] == "accepted"


def test_a_repair_that_its_manager_rejects_goes_back_to_the_crew(town: Town) -> None:
    report = town.file()
    town.repair(report)
    (check,) = town.client.get(
        "/api/v1/evidence-checks", headers=town.headers(Role.UNIT_MANAGER, unit=LIGHTING)
    ).get_json()["checks"]

    path = f"/evidence-checks/{check['id']}"
    town.post(path, {"verdict": "rejected"}, role=Role.UNIT_MANAGER, unit=LIGHTING, status=422)
    town.post(path, {"verdict": "rejected", "note": "看不清"}, role=Role.UNIT_MANAGER, unit=LIGHTING)

    assert town.show(report)["state"] == "in_progress"
    assert queue(town) == [report["work_order"]]


def test_a_rejection_has_a_word_why_also_when_the_repair_came_back_already(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "object", reason="还是不亮")
    (check,) = town.client.get(
        "/api/v1/evidence-checks", headers=town.headers(Role.UNIT_MANAGER, unit=LIGHTING)
    ).get_json()["checks"]
    path = f"/evidence-checks/{check['id']}"

    town.post(path, {"verdict": "rejected"}, role=Role.UNIT_MANAGER, unit=LIGHTING, status=422)
    town.post(path, {"verdict": "rejected", "note": "看不清"}, role=Role.UNIT_MANAGER, unit=LIGHTING)

    assert town.show(report)["checks"][0]["verdict"] == "rejected"


def test_the_same_photo_as_proof_of_two_repairs_is_found(town: Town) -> None:
    first, second = town.file(), town.file(lon=113.95)
    town.repair(first)

    fixed = town.repair(second)

    reused = [each for each in fixed["check"]["findings"] if each["kind"] == "reused"]
    assert [each["passed"] for each in reused] == [False]


def test_a_desk_files_for_a_caller_who_gets_the_link_and_is_told(town: Town) -> None:
    lon, lat = YUEHAI
    call = {"lon": lon, "lat": lat, "item": "B0121", "channel": "hotline", "contact": "caller@example.org"}

    filed = town.post("/desk/reports", call, role=Role.DISPATCHER, status=201)
    patrol = town.post("/desk/reports", call | {"channel": "patrol", "lon": 113.95}, role=Role.CREW, status=201)
    joined = town.post("/desk/reports", call | {"same_as": filed["work_order"]}, role=Role.DISPATCHER, status=201)

    shown = town.show(filed)
    assert [report["channel"] for report in shown["reports"]] == ["hotline", "hotline"]
    assert shown["events"][0]["by"].startswith("staff:")
    assert town.track(filed)["number"] == filed["number"]
    assert (joined["joined"], patrol["joined"]) == (True, False)


@pytest.mark.parametrize(
    ("channel", "role", "status"),
    [
        ("web", Role.DISPATCHER, 422),
        ("pigeon", Role.DISPATCHER, 422),
        (None, Role.DISPATCHER, 422),
        ("hotline", Role.AUDITOR, 403),
        ("hotline", None, 401),
    ],
)
def test_a_desk_files_by_its_channels_only(town: Town, channel: str | None, role: Role | None, status: int) -> None:
    lon, lat = YUEHAI
    body = {"lon": lon, "lat": lat, "item": "B0121"} | ({"channel": channel} if channel else {})

    refused = town.post("/desk/reports", body, role=role, status=status)

    if status == 422:
        assert refused["errors"][0]["pointer"] == "/channel"


def test_a_desk_can_send_the_photo_of_a_visitor(town: Town) -> None:
    lon, lat = YUEHAI
    form = {"lon": str(lon), "lat": str(lat), "channel": "counter", "photos": (io.BytesIO(make_photo("red")), "a.jpg")}

    filed = town.post("/desk/reports", form, role=Role.SUPERVISOR, status=201)

    assert len(filed["photos"]) == 1


def test_a_repair_that_is_sent_again_answers_the_findings_again(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    path, key = f"/work-orders/{report['work_order']}/moves", {"Idempotency-Key": str(new_key())}

    def send() -> dict[str, object]:
        form = {"action": "fix", "note": "换了灯泡", "photos": (io.BytesIO(make_photo("green")), "a.jpg")}
        return town.post(path, form, role=Role.CREW, unit=LIGHTING, headers=key)

    first, again = send(), send()

    assert first["check"] == again["check"]
    assert town.kinds(report).count("fixed") == 1


def test_the_paper_that_proves_a_hold_is_for_staff_and_the_photo_of_a_repair_for_everybody(town: Town) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    paper = (io.BytesIO(make_photo("white")), "order.jpg")
    town.move(
        report, "hold", Role.UNIT_MANAGER, of=LIGHTING, note="等配件", until="2026-11-25T09:00:00+08:00", photos=paper
    )
    town.until("2026-11-25T09:00")
    town.fix(report)
    town.session.execute(text("UPDATE photos SET masked_at = now(), detected_at = now()"))

    seen = {event["kind"]: len(event["photos"]) for event in town.track(report)["events"]}
    staff = {event["kind"]: len(event["photos"]) for event in town.show(report)["events"]}

    assert (seen["held"], seen["fixed"]) == (0, 1)
    assert (staff["held"], staff["fixed"]) == (1, 1)


def test_a_unit_is_found_by_words_role_or_area_page_by_page(town: Town) -> None:
    def codes(**query: object) -> list[str]:
        answer = town.client.get("/api/v1/units", headers=town.headers(Role.CREW, unit=LIGHTING), query_string=query)
        return [each["code"] for each in answer.get_json()["units"]]

    first = town.get("/units", limit=2)
    (parks,) = town.get("/units", q="公园 sz")["units"]

    assert parks == {
        "code": PARKS,
        "name_zh": "市公园管理中心",
        "name_en": "City Parks Management Centre",
        "role": "parks",
        "level": "city",
        "area": "440300",
    }
    assert codes(q="city LIGHTING") == [LIGHTING]
    assert codes(role="parks", area="440300") == [PARKS]
    assert codes(area="440305007") == ["440305007-street_office"]
    assert codes(q="%") == codes(q="nobody") == []
    assert codes(limit=2, cursor=first["next"]) == codes(limit=4)[2:]


def judge(town: Town, unit: str, *, checks: int = 1) -> None:
    """Reject the oldest failed check of a unit."""
    own = town.headers(Role.UNIT_MANAGER, unit=unit)
    found = town.client.get("/api/v1/evidence-checks", headers=own).get_json()["checks"]
    assert len(found) == checks
    body = {"verdict": "rejected", "note": "看不清"}
    town.post(f"/evidence-checks/{found[0]['id']}", body, role=Role.UNIT_MANAGER, unit=unit)


def test_a_verdict_on_a_repair_that_came_back_does_not_touch_the_next_one(town: Town) -> None:
    report = town.file()
    town.repair(report)
    town.answer(report, "object", reason="还是不亮")
    town.wait(hours=1)
    town.fix(report, color="blue")

    judge(town, LIGHTING, checks=2)
    after_the_first = town.show(report)["state"]
    judge(town, LIGHTING)

    assert (after_the_first, town.show(report)["state"]) == ("fixed", "in_progress")


@pytest.mark.parametrize("others_are_done", [False, True])
def test_a_rejected_part_of_a_co_unit_is_its_own_to_do_again(town: Town, others_are_done: bool) -> None:
    report = town.file()
    town.move(report, "sign", Role.CREW, of=LIGHTING)
    town.move(report, "involve", Role.DISPATCHER, unit=WATER, note="井盖旁的灯")
    town.move(report, "sign", Role.CREW, of=WATER)
    town.fix(report, unit=WATER)
    town.wait(minutes=1)
    if others_are_done:
        town.fix(report, color="blue")

    judge(town, WATER)
    if not others_are_done:
        town.fix(report, color="blue")

    shown = town.show(report)
    assert shown["state"] == "in_progress"
    assert [(part["unit"]["code"], part["finished_at"] is None) for part in shown["parts"]] == [
        (LIGHTING, False),
        (WATER, True),
    ]
    assert town.fix(report, unit=WATER, color="red")["state"] == "fixed"


def test_a_step_sent_again_is_answered_as_at_first_after_the_work_order_left_the_unit(town: Town) -> None:
    report = town.file()
    path, key = f"/work-orders/{report['work_order']}/moves", {"Idempotency-Key": str(new_key())}
    body = {"action": "refuse", "note": "灯在公园里", "reference": "权属证明 7"}

    def send(status: int = 200, unit: str = LIGHTING, **more: str) -> dict[str, object]:
        return town.post(path, body | more, role=Role.UNIT_MANAGER, unit=unit, headers=key, status=status)

    first = send()
    town.move(report, "rule", Role.ADJUDICATOR, unit=PARKS, note="归公园")
    town.move(report, "sign", Role.CREW, of=PARKS)
    again = send()

    assert first["state"] == "disputed"
    assert again == first  # nothing of what the other unit does since
    assert town.kinds(report).count("refused") == 1
    assert str(send(status=404, note="anders")["type"]).endswith("#no-such-work-order")
    assert str(send(status=404, unit=WATER)["type"]).endswith("#no-such-work-order")
    assert str(send(status=409, unit=PARKS)["type"]).endswith("#step-key-reused")


def test_a_step_sent_again_in_scope_shows_the_work_order_as_it_stands(town: Town) -> None:
    report = town.file()
    path, key = f"/work-orders/{report['work_order']}/moves", {"Idempotency-Key": str(new_key())}

    town.post(path, {"action": "sign"}, role=Role.CREW, unit=LIGHTING, headers=key)
    town.fix(report)
    again = town.post(path, {"action": "sign"}, role=Role.CREW, unit=LIGHTING, headers=key)

    assert again["state"] == "fixed"
