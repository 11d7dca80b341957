"""The main job, end to end, by HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.roles import Role
from app.config import Settings
from app.jobs import queue
from app.media import service as media
from tests.make import NOW, YUEHAI, confirm_contact, make_person, make_photo, new_key

Headers = dict[str, str]


def staff(session: Session, role: Role, **scope: Any) -> Headers:
    _, token = make_person(session, role, **scope)
    return {"Authorization": f"Bearer {token}"}


def body(answer: TestResponse) -> Any:
    return answer.get_json()


def form(**over: Any) -> dict[str, Any]:
    lon, lat = YUEHAI
    return {"lon": lon, "lat": lat, "item": "B0121", "description": "灯不亮", "language": "zh"} | over


@pytest.fixture
def work(shenzhen: Session) -> Callable[[], None]:
    """Give a function that does the waiting jobs, as a worker would."""

    def run() -> None:
        while True:
            due = text(
                "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs WHERE status = 'todo' "
                "ORDER BY id LIMIT 1) RETURNING task_name, args"
            )
            job = shenzhen.execute(due).one_or_none()
            if job is None:
                return
            queue.perform_import_paths()  # type: ignore[no-untyped-call]  # procrastinate left it untyped
            queue.tasks[job.task_name].func(**job.args)
            shenzhen.expire_all()

    return run


def test_a_photo_becomes_a_work_order_is_fixed_and_everybody_is_told(
    client: FlaskClient, shenzhen: Session, shared: Path, settings: Settings, work: Callable[[], None]
) -> None:
    photo = (shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").read_bytes()

    def file(contact: str) -> dict[str, Any]:
        confirm_contact(shenzhen, contact)
        data = {"photos": (io.BytesIO(photo), "light.jpg"), "item": "B0120", "contact": contact, "language": "zh"}
        answer = client.post("/api/v1/reports", data=data, headers={"Idempotency-Key": str(new_key())})
        assert answer.status_code == 201, answer.text
        return dict(body(answer))

    first, second = file("first@example.org"), file("second@example.org")

    assert first["place"]["street"]["name_zh"] == "粤海街道"
    assert (first["joined"], second["joined"]) == (False, True)
    assert second["work_order"] == first["work_order"]
    assert [step["step"] for step in first["steps"]] == ["received", "dispatched", "in_progress", "fixed", "closed"]
    moves = f"/api/v1/work-orders/{first['work_order']}/moves"
    crew, supervisor = staff(shenzhen, Role.CREW), staff(shenzhen, Role.SUPERVISOR)
    assert client.post(moves, json={"action": "sign"}, headers=crew).status_code == 200
    assert client.post(moves, json={"action": "note", "note": "已到现场"}, headers=crew).status_code == 200
    assert client.post(moves, json={"action": "fix"}, headers=crew).status_code == 422
    after = {"action": "fix", "note": "换了灯泡", "photos": (io.BytesIO(make_photo("green")), "after.jpg")}
    assert client.post(moves, data=after, headers=crew).status_code == 200
    assert client.post(moves, json={"action": "close"}, headers=crew).status_code == 403
    assert body(client.post(moves, json={"action": "close"}, headers=supervisor))["outcome"] == "fixed"
    work()

    secret = second["tracking_url"].rsplit("/", 1)[1]
    track = client.get(f"/api/v1/track/{secret}")
    assert track.status_code == 200
    kinds = [event["kind"] for event in body(track)["events"]]
    assert kinds == ["received", "dispatched", "joined", "signed", "note", "fixed", "closed"]
    assert [step["progress"] for step in body(track)["steps"]] == ["done"] * 5
    fixed = next(event for event in body(track)["events"] if event["kind"] == "fixed")
    assert fixed["note"] == "换了灯泡"
    picture = client.get(fixed["photos"][0]["small"].removeprefix(settings.public_url))
    assert (picture.status_code, picture.content_type) == (200, "image/jpeg")
    again = client.get(f"/api/v1/track/{secret}", headers={"If-None-Match": track.headers["ETag"]})
    assert again.status_code == 304
    page = client.get(f"/track/{secret}")
    assert "换了灯泡" in page.text
    letters = [message_from_bytes(path.read_bytes(), policy=default) for path in settings.mail_root.glob("*.eml")]
    # Other tests of this process have written into the folder too.
    told = {
        name: [str(letter["Subject"]) for letter in letters if report["number"] in str(letter["Subject"])]
        for name, report in (("first", first), ("second", second))
    }
    assert len(told["first"]) == len(told["second"]) == 5, told  # received or joined, signed, note, fixed, closed
    assert "first@example.org" not in "".join(
        str(letter) for letter in letters if second["number"] in str(letter["Subject"])
    )


def test_json_without_a_photo_is_taken_and_answered_again(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": str(new_key())}

    first = client.post("/api/v1/reports", json=form(), headers=headers)
    again = client.post("/api/v1/reports", json=form(), headers=headers)
    other = client.post("/api/v1/reports", json=form(description="other"), headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert body(again)["number"] == body(first)["number"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.content_type == "application/problem+json"
    assert body(other)["type"].endswith("/problems#key-reused")


def test_a_repeat_is_the_same_whatever_language_the_client_prefers_now(client: FlaskClient) -> None:
    key = {"Idempotency-Key": str(new_key())}
    silent = {name: value for name, value in form().items() if name != "language"}

    first = client.post("/api/v1/reports", json=silent, headers=key | {"Accept-Language": "zh"})
    again = client.post("/api/v1/reports", json=silent, headers=key | {"Accept-Language": "en"})
    other = client.post("/api/v1/reports", json=silent | {"language": "en"}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert body(again)["number"] == body(first)["number"]


def test_a_photo_that_is_named_twice_counts_once(client: FlaskClient, shenzhen: Session) -> None:
    key = {"Idempotency-Key": str(new_key())}
    (accepted,) = media.accept(media.current(), [media.Upload("light.jpg", make_photo())])
    photo = str(media.record(shenzhen, accepted, now=NOW, claimed=False).id)

    first = client.post("/api/v1/reports", json=form(photos=[photo, photo]), headers=key)
    again = client.post("/api/v1/reports", json=form(photos=[photo]), headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert body(again)["number"] == body(first)["number"]


def test_a_null_is_as_good_as_left_out(client: FlaskClient) -> None:
    key = {"Idempotency-Key": str(new_key())}
    nulls = dict.fromkeys(["contact", "same_as", "datum", "accuracy", "photos"])
    lon, lat = YUEHAI
    few = {"lon": lon, "lat": lat, "item": "B0121"}

    first = client.post("/api/v1/reports", json=few, headers=key)
    again = client.post("/api/v1/reports", json=few | nulls, headers=key)
    described = client.post("/api/v1/reports", json=few | nulls | {"item": None, "description": "灯不亮"})
    nowhere = client.post("/api/v1/reports", json=few | {"lon": None, "lat": None})
    half = client.post("/api/v1/reports", json=few | {"lon": None})

    assert (first.status_code, again.status_code, described.status_code) == (201, 201, 201)
    assert body(again)["number"] == body(first)["number"]
    assert body(nowhere)["type"].endswith("#no-position")
    assert body(half)["errors"] == [{"pointer": "/lon", "detail": "Send lon and lat together, or neither."}]


@pytest.mark.parametrize(
    ("over", "status", "pointer"),
    [
        ({"lon": None, "lat": None}, 422, "/lon"),
        ({"lat": None}, 422, "/lat"),
        ({"lon": 400}, 422, "/lon"),
        ({"lon": "nan"}, 422, "/lon"),
        ({"lon": 0, "lat": 0}, 422, "/lon"),
        ({"accuracy": -1}, 422, "/accuracy"),
        ({"datum": "mars"}, 422, "/datum"),
        ({"item": "NONE"}, 422, "/item"),
        ({"description": "x" * 2001}, 422, "/description"),
        ({"contact": "nobody"}, 422, "/contact"),
        ({"same_as": "UNKNOWN"}, 422, "/same_as"),
        ({"photos": ["not an id"]}, 422, "/photos"),
        ({"photos": ["0190163d-8694-739b-aea5-966c26f8ad91"]}, 422, "/photos"),
        ({"surprise": 1}, 422, "/surprise"),
    ],
)
def test_bad_input_gets_an_answer_that_points_at_it(
    client: FlaskClient, over: dict[str, Any], status: int, pointer: str
) -> None:
    payload = {name: value for name, value in form(**over).items() if value is not None}

    answer = client.post("/api/v1/reports", json=payload)

    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert any(error["pointer"].startswith(pointer) for error in body(answer)["errors"])


def test_a_file_that_is_no_picture_is_named(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", data=form(photos=(io.BytesIO(b"no picture"), "notes.jpg")))

    assert answer.status_code == 422
    assert "notes.jpg" in answer.text


def test_characters_that_no_text_can_have_are_left_out_or_refused(client: FlaskClient, shenzhen: Session) -> None:
    sent = json.dumps(form(description="dark\x00 lamp \ud800 "))  # a lone surrogate is sent as an escape only
    filed = client.post("/api/v1/reports", data=sent, content_type="application/json")
    echoed = client.post("/api/v1/reports", data=json.dumps(form(item="none \ud800")), content_type="application/json")
    asked = client.get("/api/v1/similar", query_string={"lon": 114, "lat": 22.6, "item": "a\x00b"})
    shown = client.get("/api/v1/work-orders/a%00b", headers=staff(shenzhen, Role.CREW))

    assert filed.status_code == 201
    assert (
        body(client.get(body(filed)["tracking_url"].replace("/track", "/api/v1/track")))["description"] == "dark lamp ?"
    )
    assert echoed.status_code == 422
    assert asked.status_code == 422
    assert shown.status_code == 404


def test_similar_shows_what_is_near_with_distance_and_state(client: FlaskClient) -> None:
    filed = body(client.post("/api/v1/reports", json=form(item="B0220")))
    lon, lat = YUEHAI

    found = body(client.get("/api/v1/similar", query_string={"lon": lon, "lat": lat + 0.0005, "item": "B0220"}))
    other = body(client.get("/api/v1/similar", query_string={"lon": lon, "lat": lat + 0.0005, "item": "B0402"}))
    never = body(client.get("/api/v1/similar", query_string={"lon": lon, "lat": lat, "item": "S0601"}))

    assert [each["id"] for each in found] == [filed["work_order"]]
    assert 50 < found[0]["distance_m"] < 60
    assert found[0]["state"] == "dispatched"
    assert other == never == []


def test_sensitive_work_orders_are_never_suggested(client: FlaskClient) -> None:
    client.post("/api/v1/reports", json=form(item="S0408"))
    lon, lat = YUEHAI

    assert body(client.get("/api/v1/similar", query_string={"lon": lon, "lat": lat, "item": "S0408"})) == []
    assert body(client.get("/api/v1/similar", query_string={"lon": lon, "lat": lat})) == []


def test_staff_see_what_unit_and_area_allow_and_nothing_else(client: FlaskClient, shenzhen: Session) -> None:
    filed = body(client.post("/api/v1/reports", json=form()))
    path = f"/api/v1/work-orders/{filed['work_order']}"

    def status(**scope: Any) -> int:
        return client.get(path, headers=staff(shenzhen, Role.CREW, **scope)).status_code

    assert status(unit="sz-street_lighting", area="440300") == 200
    assert status(area="440305") == 200
    assert status(area="440305007") == 200
    assert status(unit="sz-parks", area="440300") == 404
    assert status(area="440304") == 404
    assert status(area=None) == 404
    assert status(unit=None) == 404
    assert status(unit="sz-centre", area="440305") == 200
    assert status(unit="sz-centre", area="440304") == 404
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer made-up"}).status_code == 401
    shown = body(client.get(path, headers=staff(shenzhen, Role.DISPATCHER)))
    assert shown["explanation"]["basis"] == "role"
    assert shown["reports"][0]["description"] == "灯不亮"
    assert "contact" not in json.dumps(shown)


def test_an_illegal_move_says_what_is_legal(client: FlaskClient, shenzhen: Session) -> None:
    filed = body(client.post("/api/v1/reports", json=form()))
    crew = staff(shenzhen, Role.CREW)

    answer = client.post(f"/api/v1/work-orders/{filed['work_order']}/moves", json={"action": "fix"}, headers=crew)

    assert answer.status_code == 409
    assert body(answer)["legal"] == ["sign", "note"]


def test_an_unknown_link_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/v1/track/" + "0" * 32).status_code == 404


def test_errors_of_http_are_problems_with_their_headers(client: FlaskClient) -> None:
    nowhere, wrong = client.get("/api/v1/nowhere"), client.put("/api/v1/reports")

    assert (nowhere.status_code, nowhere.content_type) == (404, "application/problem+json")
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["Allow"]
