"""Before and after a repair: when the pair is seen, by whom, and when it is gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.media import masking
from app.media import service as media
from app.media import tasks as photo_jobs
from app.media.models import Photo
from app.reports import tasks
from app.reports.models import Report
from app.reports.queries import photos_of_report
from app.reports.service import show
from app.workorders.lifecycle import Action
from tests.make import NOW, fix, make_person, make_photo, make_report, take
from tests.media.pictures import decode, encode

TRACK = "/api/v1/track/"


@pytest.fixture
def filed(shenzhen: Session) -> Report:
    return file_with_photo(shenzhen, "red")


@pytest.fixture(autouse=True)
def _child() -> Iterator[None]:
    """End the child that aligned."""
    yield
    media.current().aligner.close()  # type: ignore[attr-defined]


def file_with_photo(session: Session, color: str, **over: Any) -> Report:
    accepted = media.accept(media.current(), [media.Upload("a.jpg", make_photo(color))])
    return make_report(session, photos=accepted, **over)


def photo_of(session: Session, report: Report) -> Photo:
    return photos_of_report(session, report.id)[0]


def secret(session: Session, report: Report) -> str:
    return show(session, report).tracking_url.rsplit("/", 1)[1]


def mask(session: Session, photo: Photo) -> None:
    photo_jobs.render(str(photo.id))
    masking.release(session, photo, by=uuid4(), now=NOW)
    session.flush()
    photo_jobs.mask(str(photo.id))
    session.refresh(photo)
    assert photo.is_public


def run_pairs(session: Session) -> int:
    """Run the jobs of pairs that wait, each once, as a worker would; give how many."""
    statement = text(
        "DELETE FROM procrastinate_jobs WHERE task_name = 'reports.pair' AND status = 'todo' RETURNING args"
    )
    waiting = [row.args for row in session.execute(statement)]
    session.flush()
    for arguments in waiting:
        tasks.pair(**arguments)
    session.expire_all()
    return len(waiting)


def pair_of(client: FlaskClient, session: Session, report: Report) -> dict[str, Any] | None:
    answer = client.get(TRACK + secret(session, report))
    assert answer.status_code == 200
    pair: dict[str, Any] | None = answer.get_json()["pair"]
    return pair


def staff_pair(client: FlaskClient, session: Session, report: Report) -> dict[str, Any] | None:
    _, token = make_person(session, Role.DISPATCHER)
    address = f"/api/v1/work-orders/{show(session, report).work_order.public_id}"
    pair: dict[str, Any] | None = client.get(address, headers={"Authorization": f"Bearer {token}"}).get_json()["pair"]
    return pair


def local(link: str) -> str:
    return link[link.index("/api") :]


def repaired(session: Session, report: Report, color: str = "green") -> Photo:
    after = fix(session, report, color=color)
    mask(session, after)
    return after


def test_a_pair_appears_once_both_photos_are_masked(client: FlaskClient, shenzhen: Session, filed: Report) -> None:
    after = fix(shenzhen, filed)
    run_pairs(shenzhen)
    mask(shenzhen, after)
    run_pairs(shenzhen)
    early = pair_of(client, shenzhen, filed)

    mask(shenzhen, photo_of(shenzhen, filed))
    run_pairs(shenzhen)

    pair = pair_of(client, shenzhen, filed)
    assert early is None
    assert pair is not None
    assert pair == staff_pair(client, shenzhen, filed)
    assert pair["before"]["alt"]["zh"].endswith("，粤海街道，报修时的照片")
    assert pair["after"]["alt"]["en"].endswith(", after the repair")
    assert (pair["aligned"], pair["width"], pair["height"]) == (False, 640, 480)
    for side, channel in (("before", 0), ("after", 1)):
        answers = [client.get(local(pair[side][size])) for size in ("large", "small")]
        pictures = [decode(answer.data) for answer in answers]
        assert [picture.size for picture in pictures] == [(640, 480), (320, 240)]
        # Red before, green after.
        pixel = pictures[0].getpixel((320, 240))
        assert isinstance(pixel, tuple)
        assert max(range(3), key=pixel.__getitem__) == channel
        assert answers[0].headers["Cache-Control"] == "public, no-cache"


def test_photos_that_were_masked_before_the_step_make_a_pair_with_it(
    client: FlaskClient, shenzhen: Session, filed: Report
) -> None:
    mask(shenzhen, photo_of(shenzhen, filed))
    take(shenzhen, filed, Role.CREW, Action.SIGN)
    accepted = media.accept(media.current(), [media.Upload("b.jpg", make_photo("green"))])
    early = media.record(shenzhen, accepted[0], now=NOW, claimed=False)
    mask(shenzhen, early)
    run_pairs(shenzhen)

    take(shenzhen, filed, Role.CREW, Action.FIX, photo_ids=[early.id])
    run_pairs(shenzhen)

    assert pair_of(client, shenzhen, filed) is not None


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_pair_is_gone_with_the_next_request_after_one_of_it_is_hidden(
    client: FlaskClient, shenzhen: Session, filed: Report, side: str
) -> None:
    photos = {"before": photo_of(shenzhen, filed), "after": repaired(shenzhen, filed)}
    mask(shenzhen, photos["before"])
    run_pairs(shenzhen)
    pair = pair_of(client, shenzhen, filed)
    assert pair is not None
    links = [local(pair[each][size]) for each in ("before", "after") for size in ("large", "small")]
    tags = [client.get(link).headers["ETag"] for link in links]
    seen = client.get(TRACK + secret(shenzhen, filed))

    masking.hide(shenzhen, photos[side], reason="shows a child", by=uuid4(), now=NOW)

    gone = [client.get(link, headers={"If-None-Match": tag}).status_code for link, tag in zip(links, tags, strict=True)]
    again = client.get(TRACK + secret(shenzhen, filed), headers={"If-None-Match": seen.headers["ETag"]})
    assert gone == [404] * 4
    assert (again.status_code, again.get_json()["pair"]) == (200, None)
    assert staff_pair(client, shenzhen, filed) is None
    store = media.current().store
    assert any(
        stored.key.startswith("pairs/") for stored in store.keys("pairs") if str(photos["after"].id) in stored.key
    )
    run_pairs(shenzhen)
    assert not [stored for stored in store.keys("pairs") if str(photos["after"].id) in stored.key]

    masking.unhide(shenzhen, photos[side], by=uuid4(), now=NOW)
    run_pairs(shenzhen)

    assert [client.get(link).status_code for link in links] == [200] * 4
    assert pair_of(client, shenzhen, filed) == pair


def test_new_boxes_take_the_pair_away_until_it_is_made_of_them(
    client: FlaskClient, shenzhen: Session, filed: Report
) -> None:
    after, before = repaired(shenzhen, filed), photo_of(shenzhen, filed)
    mask(shenzhen, before)
    run_pairs(shenzhen)
    pair = pair_of(client, shenzhen, filed)
    assert pair is not None
    link = local(pair["after"]["large"])
    first = client.get(link)
    box = {"x": 0.4, "y": 0.4, "width": 0.2, "height": 0.2, "kind": "plate"}

    masking.redo_boxes(shenzhen, after, [box], by=uuid4(), now=NOW)
    at_once = (client.get(link).status_code, pair_of(client, shenzhen, filed))
    photo_jobs.mask(str(after.id))
    shenzhen.expire_all()
    # It is public again, but the pair that lies there is of the old boxes.
    masked = (after.is_public, client.get(link).status_code, pair_of(client, shenzhen, filed))
    run_pairs(shenzhen)
    second = client.get(link)

    assert at_once == (404, None)
    assert masked == (True, 404, None)
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]
    assert pair_of(client, shenzhen, filed) is not None
    mine = [stored.key for stored in media.current().store.keys("pairs") if str(after.id) in stored.key]
    assert len(mine) == 4
    assert all(f"-{after.id}-0-1/" in key for key in mine)


def test_what_is_fixed_again_shows_the_newer_repair(client: FlaskClient, shenzhen: Session, filed: Report) -> None:
    first = repaired(shenzhen, filed)
    mask(shenzhen, photo_of(shenzhen, filed))
    run_pairs(shenzhen)
    client.post(f"{TRACK}{secret(shenzhen, filed)}/object", json={"reason": "still dark"})

    second = fix(shenzhen, filed, color="blue")
    between = pair_of(client, shenzhen, filed)
    mask(shenzhen, second)
    run_pairs(shenzhen)

    pair = pair_of(client, shenzhen, filed)
    assert between is None
    assert pair is not None
    assert f"/{second.id}/" in pair["after"]["large"]
    assert not [stored for stored in media.current().store.keys("pairs") if str(first.id) in stored.key]


def test_a_merge_leaves_the_pair_to_the_survivor(client: FlaskClient, shenzhen: Session) -> None:
    older = file_with_photo(shenzhen, "red", item="B0220", lon=113.9395)
    newer = file_with_photo(shenzhen, "yellow")
    after = repaired(shenzhen, newer)
    for report in (older, newer):
        mask(shenzhen, photo_of(shenzhen, report))
    run_pairs(shenzhen)
    before_merge = pair_of(client, shenzhen, newer)
    client.post(f"{TRACK}{secret(shenzhen, newer)}/object", json={"reason": "still dark"})
    survivor = show(shenzhen, newer).work_order.public_id
    _, token = make_person(shenzhen, Role.DISPATCHER)

    merged = client.post(
        f"/api/v1/work-orders/{show(shenzhen, older).work_order.public_id}/merge",
        json={"into": survivor, "note": "the same"},
        headers={"Authorization": f"Bearer {token}"},
    )
    run_pairs(shenzhen)

    assert merged.status_code == 200, merged.text
    assert before_merge is not None
    pairs = [pair_of(client, shenzhen, report) for report in (older, newer)]
    assert pairs[0] == pairs[1]
    assert pairs[0] is not None
    first = min((older, newer), key=lambda report: (report.filed_at, report.id))
    assert f"/{photo_of(shenzhen, first).id}/{after.id}/" in pairs[0]["before"]["large"]


def test_of_a_sensitive_one_other_reporters_see_no_pair(client: FlaskClient, shenzhen: Session, filed: Report) -> None:
    order = show(shenzhen, filed).work_order
    other = make_report(shenzhen, same_as=order.public_id)
    repaired(shenzhen, filed)
    mask(shenzhen, photo_of(shenzhen, filed))
    run_pairs(shenzhen)
    public = pair_of(client, shenzhen, other)

    shenzhen.get_one(type(order), order.id).sensitive = True
    shenzhen.flush()

    assert public is not None
    assert pair_of(client, shenzhen, other) is None
    assert pair_of(client, shenzhen, filed) is not None
    assert staff_pair(client, shenzhen, filed) is not None


def test_a_photo_that_came_after_the_repair_is_no_picture_of_before(client: FlaskClient, shenzhen: Session) -> None:
    first = make_report(shenzhen)
    repaired(shenzhen, first)
    late = file_with_photo(shenzhen, "red", now=NOW.replace(hour=9), same_as=show(shenzhen, first).work_order.public_id)
    mask(shenzhen, photo_of(shenzhen, late))
    run_pairs(shenzhen)

    assert show(shenzhen, late).work_order.id == show(shenzhen, first).work_order.id
    assert pair_of(client, shenzhen, first) is None


def test_only_our_signature_opens_a_picture_of_a_pair(client: FlaskClient, shenzhen: Session, filed: Report) -> None:
    repaired(shenzhen, filed)
    mask(shenzhen, photo_of(shenzhen, filed))
    run_pairs(shenzhen)
    pair = pair_of(client, shenzhen, filed)
    assert pair is not None
    link = local(pair["before"]["small"])

    refused = [
        link.replace("before-320", "after-320"),
        link.replace("before-320", "before-1600"),
        link.replace("before-320", "before-321"),
        link[:-1] + ("A" if link[-1] != "A" else "B"),
    ]

    assert client.get(link).status_code == 200
    assert [client.get(each).status_code for each in refused] == [404] * 4


def test_the_sweep_removes_pairs_whose_photos_are_gone_and_no_others(
    client: FlaskClient, shenzhen: Session, filed: Report
) -> None:
    after = repaired(shenzhen, filed)
    mask(shenzhen, photo_of(shenzhen, filed))
    run_pairs(shenzhen)
    here = media.current()
    kept = {stored.key for stored in here.store.keys("pairs") if str(after.id) in stored.key}
    folder = next(iter(kept)).rsplit("/", 2)[0]
    orphan = f"{folder}/{uuid4()}-{after.id}-0-0/before-320.jpg"
    outdated = next(iter(kept)).replace("-0-0/", "-0-7/")
    for key in (orphan, outdated):
        here.store.put(key, encode(Image.new("RGB", (4, 4))))

    media.sweep(shenzhen, here, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=2))

    left = {stored.key for stored in here.store.keys("pairs") if str(after.id) in stored.key}
    assert len(kept) == 4
    assert left == kept
