"""Photos that are named before they arrive: filing, following, evidence; nothing of a slow upload is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.db import utcnow
from app.dispatch.service.waiting import PHOTO_FAR
from app.fieldwork.evidence import judge_late
from app.fieldwork.models import EvidenceCheck, Verdict
from app.fieldwork.queries import checks_of
from app.fieldwork.service import Brought
from app.fieldwork.service import judge_evidence as decide
from app.media import service as media
from app.media import tasks, uploads
from app.media.models import DirectUpload, Photo
from app.media.store import upload_key
from app.media.uploads import Announced
from app.notify.keys import tracking_secret
from app.reports import tasks as tasks_of_reports
from app.reports.errors import KeyReused, NoPosition
from app.reports.models import Report
from app.reports.service import NewReport, file_report, object_to, show
from app.workorders.lifecycle import Action
from app.workorders.states import State
from tests.make import NOW, YUEHAI, make_person, make_photo, make_report, new_key, take
from tests.media.pictures import encode, noise

LARGE = encode(noise(960, 720))
SMALL = make_photo(size=(64, 48))
ON_ITS_WAY = ["expected"]


def announce(session: Session, data: bytes = LARGE, *, now: dt.datetime = NOW) -> UUID:
    """Announce a photo that has not arrived."""
    return uploads.announce(session, Announced("image/jpeg", len(data), "IMG_1.jpg"), now=now).photo_id


def arrive(session: Session, photo_id: UUID, data: bytes = LARGE) -> None:
    """Let the bytes of a photo arrive and be looked at, and whoever waits for them be told."""
    upload = session.get_one(DirectUpload, photo_id)
    media.current().store.put(upload_key(photo_id, upload.attempt), data)
    uploads.note_arrival(session, photo_id, upload.attempt, now=utcnow())
    session.flush()
    tasks.receive(str(photo_id))
    session.expire_all()
    tell_the_field(session)


def tell_the_field(session: Session) -> None:
    """Do the jobs of late photos that wait."""
    due = text("DELETE FROM procrastinate_jobs WHERE task_name = 'fieldwork.judge_late' RETURNING args->>'photo_id'")
    for photo_id in session.scalars(due).all():
        judge_late(session, UUID(photo_id))


def file_with(session: Session, *photo_ids: UUID, **over: Any) -> Report:
    return make_report(session, photo_ids=photo_ids, **over)


def follow(client: FlaskClient, report: Report, **headers: str) -> Any:
    return client.get(f"/api/v1/track/{tracking_secret(report.id)}", headers=headers)


def states(awaited: list[dict[str, str]]) -> list[str]:
    return [each["state"] for each in awaited]


def test_a_report_is_filed_first_and_its_photo_follows(client: FlaskClient, shenzhen: Session) -> None:
    late = announce(shenzhen)
    report = file_with(shenzhen, late)
    before = follow(client, report)
    page = client.get(f"/track/{tracking_secret(report.id)}?lang=en").text

    arrive(shenzhen, late)
    after = follow(client, report, **{"If-None-Match": before.headers["ETag"]})

    assert (before.json["photos"], states(before.json["awaited"])) == ([], ON_ITS_WAY)
    assert "A photo is on its way" in page
    assert str(late) not in page
    assert after.status_code == 200
    assert after.json["awaited"] == []
    assert str(late) in after.json["photos"][0]["large"]


def test_a_photo_keeps_its_place_among_the_others(client: FlaskClient, shenzhen: Session) -> None:
    ids = [announce(shenzhen) for _ in range(3)]
    report = file_with(shenzhen, *ids)

    for photo_id in (ids[2], ids[0]):
        arrive(shenzhen, photo_id)

    shown = follow(client, report).json
    assert [picture["small"].split("/")[-2] for picture in shown["photos"]] == [str(ids[0]), str(ids[2])]
    assert [each["id"] for each in shown["awaited"]] == [str(ids[1])]


def test_a_photo_that_arrives_after_the_end_is_attached_all_the_same(client: FlaskClient, shenzhen: Session) -> None:
    late = announce(shenzhen)
    report = file_with(shenzhen, late, item="S0601")
    take(shenzhen, report, Role.CREW, Action.SIGN)
    take(shenzhen, report, Role.CREW, Action.FIX, note="完成")
    work_order = show(shenzhen, report).work_order
    work_order.state, work_order.closed_at = State.CLOSED, NOW
    shenzhen.flush()

    arrive(shenzhen, late)

    shown = follow(client, report).json
    assert shown["state"] == "closed"
    assert str(late) in shown["photos"][0]["large"]


def test_a_report_that_is_sent_again_after_its_photo_came_is_the_same_report(shenzhen: Session) -> None:
    late, key = announce(shenzhen), new_key()
    lon, lat = YUEHAI
    new = NewReport(lon=lon, lat=lat, item="B0121", language="zh", idempotency_key=key, photo_ids=[late])
    first = file_report(shenzhen, new, now=NOW)

    arrive(shenzhen, late)
    again = file_report(shenzhen, new, now=NOW)

    assert again.replayed
    assert again.report.id == first.report.id
    other = NewReport(
        lon=lon, lat=lat, item="B0121", language="zh", idempotency_key=key, photo_ids=[announce(shenzhen)]
    )
    with pytest.raises(KeyReused):
        file_report(shenzhen, other, now=NOW)


def test_a_photo_that_has_not_arrived_says_no_position(shenzhen: Session) -> None:
    with pytest.raises(NoPosition):
        file_with(shenzhen, announce(shenzhen), lon=None, lat=None)


def test_a_photo_that_another_report_has_is_refused_over_http(client: FlaskClient, shenzhen: Session) -> None:
    late = announce(shenzhen)
    lon, lat = YUEHAI
    new = {"lon": lon, "lat": lat, "item": "B0121", "photos": [str(late)]}

    answers = [client.post("/api/v1/reports", json=new) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 422]
    assert answers[1].get_json()["type"].endswith("#no-such-photo")


def test_a_photo_of_an_objection_may_follow(client: FlaskClient, shenzhen: Session) -> None:
    report = file_with(shenzhen, item="S0601")
    take(shenzhen, report, Role.CREW, Action.SIGN)
    take(shenzhen, report, Role.CREW, Action.FIX, note="完成")
    late = announce(shenzhen)
    object_to(shenzhen, report, reason="", brought=Brought(ids=[late]), now=NOW)
    shenzhen.flush()
    (before,) = [event for event in follow(client, report).json["events"] if event["kind"] == "objected"]

    arrive(shenzhen, late)

    (after,) = [event for event in follow(client, report).json["events"] if event["kind"] == "objected"]
    assert (before["photos"], states(before["awaited"])) == ([], ON_ITS_WAY)
    assert str(late) in after["photos"][0]["large"]


def test_staff_see_what_is_on_its_way_and_may_act_on_what_they_read_before(
    client: FlaskClient, shenzhen: Session
) -> None:
    late = announce(shenzhen)
    report = file_with(shenzhen, late)
    _, token = make_person(shenzhen)
    path = f"/api/v1/work-orders/{show(shenzhen, report).work_order.public_id}"
    signed_in = {"Authorization": f"Bearer {token}"}
    before: Any = client.get(path, headers=signed_in)

    arrive(shenzhen, late)
    known = {"If-None-Match": before.headers["ETag"]}
    after: Any = client.get(path, headers=signed_in | known)
    unchanged = client.get(path, headers=signed_in | {"If-None-Match": after.headers["ETag"]})
    step = {"If-Match": before.headers["ETag"]}
    taken = client.post(f"{path}/moves", json={"action": "sign"}, headers=signed_in | step)
    stale = client.post(f"{path}/moves", json={"action": "note", "note": "x"}, headers=signed_in | step)

    assert states(before.json["reports"][0]["awaited"]) == ON_ITS_WAY
    assert before.json["reports"][0]["photos"] == []
    assert (after.status_code, unchanged.status_code) == (200, 304)
    assert len(after.json["reports"][0]["photos"]) == 1
    assert (taken.status_code, stale.status_code) == (200, 412)


def test_nobody_releases_a_picture_that_nobody_can_have_seen(client: FlaskClient, shenzhen: Session) -> None:
    late = announce(shenzhen)
    file_with(shenzhen, late)
    _, token = make_person(shenzhen, Role.DISPATCHER)
    signed_in = {"Authorization": f"Bearer {token}"}

    before = client.post(f"/api/v1/photos/{late}/release", headers=signed_in)
    arrive(shenzhen, late)
    after = client.post(f"/api/v1/photos/{late}/release", headers=signed_in)

    assert (before.status_code, after.status_code) == (404, 200)
    assert before.get_json()["type"].endswith("#not-ready")


@pytest.mark.parametrize(("degrees", "far"), [(0.0015, False), (0.0025, True)])
def test_a_late_photo_from_far_away_is_flagged(shenzhen: Session, shared: Path, degrees: float, far: bool) -> None:
    data = (shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").read_bytes()
    (accepted,) = media.accept(media.current(), [media.Upload("a.jpg", data)])
    assert accepted.position
    late = announce(shenzhen, data)
    report = file_with(shenzhen, late, lon=accepted.position.lon + degrees, lat=accepted.position.lat)
    work_order = show(shenzhen, report).work_order
    arrive(shenzhen, late, data)

    tasks_of_reports.compare_place(str(late))

    shenzhen.refresh(work_order)
    assert (PHOTO_FAR in work_order.flags) == far


def fixed_with(session: Session, *photo_ids: UUID) -> tuple[Report, EvidenceCheck]:
    """Let a crew say that it is fixed, and name photos."""
    report = make_report(session)
    take(session, report, Role.CREW, Action.SIGN)
    take(session, report, Role.CREW, Action.FIX, photo_ids=photo_ids)
    (checked,) = checks_of(session, show(session, report).work_order.id)
    return report, checked


def kinds(checked: EvidenceCheck, photo_id: UUID) -> dict[str, bool | None]:
    return {line["kind"]: line["passed"] for line in checked.findings if line["photo"] == str(photo_id)}


def test_an_after_photo_is_judged_when_it_comes_and_until_then_nobody_says_so(shenzhen: Session) -> None:
    late = announce(shenzhen)
    _, checked = fixed_with(shenzhen, late)
    before = (kinds(checked, late), checked.failed)

    arrive(shenzhen, late)

    shenzhen.refresh(checked)
    assert before == ({"arrival": None}, False)
    assert kinds(checked, late) == {"position": None, "time": None, "reused": None, "size": True, "sharpness": True}
    assert not checked.failed


def test_a_bad_after_photo_that_comes_late_fails_the_check(shenzhen: Session) -> None:
    late = announce(shenzhen, SMALL)
    _, checked = fixed_with(shenzhen, late)

    arrive(shenzhen, late, SMALL)

    shenzhen.refresh(checked)
    assert kinds(checked, late)["size"] is False
    assert checked.failed


def test_one_that_is_on_its_way_does_not_make_up_for_a_bad_one_and_mends_it_when_it_comes(shenzhen: Session) -> None:
    bad, good = announce(shenzhen, SMALL), announce(shenzhen)
    arrive(shenzhen, bad, SMALL)
    _, checked = fixed_with(shenzhen, bad, good)
    before = checked.failed

    arrive(shenzhen, good)

    shenzhen.refresh(checked)
    assert before
    assert not checked.failed
    assert [line["photo"] for line in checked.findings] == [str(bad)] * 5 + [str(good)] * 5


def test_what_a_person_decided_meanwhile_stays(shenzhen: Session) -> None:
    bad, good = announce(shenzhen, SMALL), announce(shenzhen)
    arrive(shenzhen, bad, SMALL)
    _, checked = fixed_with(shenzhen, bad, good)
    by, _ = make_person(shenzhen, Role.UNIT_MANAGER)
    decide(shenzhen, checked.id, verdict=Verdict.ACCEPTED, note="", by=by, now=NOW)

    arrive(shenzhen, good)

    shenzhen.refresh(checked)
    assert (checked.failed, checked.verdict) == (True, Verdict.ACCEPTED)
    assert kinds(checked, good)["size"] is True


def test_an_after_photo_that_never_comes_waits_for_a_verdict(shenzhen: Session) -> None:
    late = announce(shenzhen)
    _, checked = fixed_with(shenzhen, late)

    uploads.end_awaiting(shenzhen, now=NOW + dt.timedelta(days=8))
    tell_the_field(shenzhen)

    shenzhen.refresh(checked)
    assert kinds(checked, late) == {"arrival": False}
    assert checked.failed


def test_an_after_photo_that_is_no_picture_is_said_to_be_none_until_it_is_put_again(shenzhen: Session) -> None:
    late = announce(shenzhen)
    _, checked = fixed_with(shenzhen, late)
    arrive(shenzhen, late, bytes(len(LARGE)))
    shenzhen.refresh(checked)
    refused = checked.findings

    uploads.announce_again(shenzhen, late, None, now=min(NOW, utcnow()))
    arrive(shenzhen, late)

    shenzhen.refresh(checked)
    assert [(line["kind"], line["values"]) for line in refused] == [("arrival", {"state": "refused"})]
    assert kinds(checked, late)["size"] is True


def test_a_job_of_a_late_photo_may_run_twice_and_for_photos_of_nobody(shenzhen: Session) -> None:
    late = announce(shenzhen)
    _, checked = fixed_with(shenzhen, late)
    arrive(shenzhen, late)
    shenzhen.refresh(checked)
    first = checked.findings

    twice = judge_late(shenzhen, late)

    assert twice is None
    assert judge_late(shenzhen, uuid4()) is None
    assert checked.findings == first


def test_a_late_photo_is_the_photo_that_was_named(shenzhen: Session) -> None:
    late = announce(shenzhen)
    report = file_with(shenzhen, late)

    arrive(shenzhen, late)

    photo = shenzhen.get_one(Photo, late)
    assert [one.id for one in show(shenzhen, report).photos] == [photo.id]
    assert photo.width == 960
