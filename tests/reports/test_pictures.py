"""Who sees which picture: the plain one staff and the one who sent it, the masked one everybody else."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.media import masking, tasks
from app.media import service as media
from app.media.models import Photo
from app.reports.models import Report
from app.reports.queries import photos_of_report
from app.reports.service import show
from tests.make import NOW, YUEHAI, fix, make_person, make_photo, make_report

LON, LAT = YUEHAI


@pytest.fixture(autouse=True)
def _soon_after(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the day on which it is filed: later it would not be similar any more."""
    monkeypatch.setitem(client.application.extensions, "clock", lambda: NOW)


@pytest.fixture
def filed(shenzhen: Session) -> tuple[Report, Photo, Report]:
    """Give a report with a photo, its photo, and the report of another resident about the same problem."""
    accepted = media.accept(media.current(), [media.Upload("a.jpg", make_photo("red"))])
    first = make_report(shenzhen, photos=accepted)
    public_id = show(shenzhen, first).work_order.public_id
    other = make_report(shenzhen, same_as=public_id)
    assert show(shenzhen, other).work_order.public_id == public_id
    return first, photos_of_report(shenzhen, first.id)[0], other


def secret(session: Session, report: Report) -> str:
    return show(session, report).tracking_url.rsplit("/", 1)[1]


def public_answers(client: FlaskClient, session: Session, other: Report) -> str:
    """Give all that another resident is answered: what is similar, their own track and its page."""
    key = secret(session, other)
    where = f"lon={LON}&lat={LAT}"
    addresses = (f"/api/v1/similar?{where}", f"/api/v1/track/{key}", f"/track/{key}")
    return "\n".join(
        json.dumps(client.get(address).get_json(silent=True)) + client.get(address).text for address in addresses
    )


def mask(session: Session, photo: Photo) -> None:
    tasks.render(str(photo.id))
    masking.release(session, photo, by=uuid4(), now=NOW)
    session.flush()
    tasks.mask(str(photo.id))
    session.refresh(photo)
    assert photo.is_public


def test_before_it_is_masked_no_other_resident_hears_of_a_picture(
    client: FlaskClient, shenzhen: Session, filed: tuple[Report, Photo, Report]
) -> None:
    first, photo, other = filed
    after = fix(shenzhen, first)
    for one in (photo, after):
        tasks.render(str(one.id))
    shenzhen.expire_all()

    answers = public_answers(client, shenzhen, other)

    assert str(photo.id) not in answers
    assert f"/{after.id}/" not in answers


def test_afterwards_other_residents_get_links_to_masked_pictures_alone(
    client: FlaskClient, shenzhen: Session, filed: tuple[Report, Photo, Report]
) -> None:
    first, photo, other = filed
    after = fix(shenzhen, first)
    for one in (photo, after):
        mask(shenzhen, one)

    answers = public_answers(client, shenzhen, other)

    for one in (photo, after):
        assert f"/photos/{one.id}/masked/320?" in answers
        assert f"/photos/{one.id}/320?" not in answers
        assert f"/photos/{one.id}/1600?" not in answers


def test_the_reporter_and_staff_see_the_plain_picture_at_once(
    client: FlaskClient, shenzhen: Session, filed: tuple[Report, Photo, Report]
) -> None:
    first, photo, _ = filed
    tasks.render(str(photo.id))
    _, token = make_person(shenzhen, Role.DISPATCHER)
    order = show(shenzhen, first).work_order.public_id

    mine = client.get(f"/api/v1/track/{secret(shenzhen, first)}").get_json()
    staff = client.get(f"/api/v1/work-orders/{order}", headers={"Authorization": f"Bearer {token}"}).get_json()

    links = [mine["photos"][0]["small"], staff["reports"][0]["photos"][0]["small"]]
    assert [client.get(link[link.index("/api") :]).status_code for link in links] == [200, 200]


def test_a_track_that_was_seen_is_new_once_its_picture_is_hidden(
    client: FlaskClient, shenzhen: Session, filed: tuple[Report, Photo, Report]
) -> None:
    first, _, other = filed
    after = fix(shenzhen, first)
    mask(shenzhen, after)
    address = f"/api/v1/track/{secret(shenzhen, other)}"
    seen = client.get(address)

    masking.hide(shenzhen, after, reason="shows a child", by=uuid4(), now=NOW)
    again = client.get(address, headers={"If-None-Match": seen.headers["ETag"]})

    assert f"/{after.id}/masked/" in seen.text
    assert again.status_code == 200
    assert f"/{after.id}/" not in again.text


def test_staff_mask_release_hide_and_show_and_history_says_so(
    client: FlaskClient, shenzhen: Session, filed: tuple[Report, Photo, Report]
) -> None:
    _, photo, _ = filed
    tasks.render(str(photo.id))
    person, token = make_person(shenzhen, Role.DISPATCHER)
    bearer = {"Authorization": f"Bearer {token}"}
    box = {"x": 0.1, "y": 0.1, "width": 0.2, "height": 0.2, "kind": "plate"}
    address = f"/api/v1/photos/{photo.id}"

    def send(method: str, step: str, body: Any = None) -> Any:
        answer = client.open(f"{address}/{step}", method=method, json=body, headers=bearer)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    redone = send("PUT", "masks", {"boxes": [box]})
    send("POST", "release")
    tasks.mask(str(photo.id))
    shenzhen.expire_all()
    hidden = send("POST", "hide", {"reason": "shows a child"})
    shown = send("POST", "show")
    history = client.get(address, headers=bearer).get_json()

    assert redone["boxes"] == [box | {"source": "staff"}]
    assert (redone["public"], hidden["public"], shown["public"]) == (False, False, True)
    assert [line["decision"] for line in history["decisions"]] == ["mask", "release", "hide", "show"]
    assert {line["by"] for line in history["decisions"]} == {str(person.id)}
    assert history["decisions"][2]["reason"] == "shows a child"


@pytest.mark.parametrize(
    "box",
    [{"x": 1.2, "y": 0, "width": 0.1, "height": 0.1}, {"x": 0, "y": 0, "width": 0, "height": 0.1}, {"x": 0.5}],
)
def test_what_is_no_box_is_refused(
    client: FlaskClient, shenzhen: Session, filed: tuple[Report, Photo, Report], box: dict[str, float]
) -> None:
    _, photo, _ = filed
    _, token = make_person(shenzhen, Role.DISPATCHER)

    answer = client.put(
        f"/api/v1/photos/{photo.id}/masks", json={"boxes": [box]}, headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 422
