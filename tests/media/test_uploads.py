"""Direct uploads over HTTP and their jobs, into a folder and into a real bucket."""

from __future__ import annotations

import datetime as dt
import http.client
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import db
from app.db import utcnow
from app.media import service, tasks, uploads
from app.media.errors import NoSuchPhoto
from app.media.models import DirectUpload, Photo, UploadState
from app.media.service import Media
from app.media.store import UPLOADS, FolderStore, original_key, upload_key
from app.media.uploads import Announced
from tests.media.buckets import S3Server
from tests.media.pictures import encode, noise, quarters
from tests.waiting import PATIENCE_S, wait_until

DATA = encode(quarters())
OTHER = encode(quarters(96, 48))
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@dataclass
class Phone:
    """A client: what it asks of us, and what it puts wherever it is told to."""

    browser: FlaskClient
    media: Media
    now: dt.datetime = field(default_factory=utcnow)

    def announce(self, data: bytes = DATA, **over: Any) -> dict[str, Any]:
        """Announce a file; give the answer."""
        new = {"media_type": "image/jpeg", "size": len(data), "name": "IMG_1.jpg"}
        answer = self.browser.post("/api/v1/photos", json=new | over)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def put(self, address: dict[str, Any], data: bytes = DATA, *, url: str = "", media_type: str = "") -> int:
        """PUT bytes; give the status."""
        url = url or address["url"]
        headers = {"Content-Type": media_type or address["headers"]["Content-Type"]}
        if url.startswith(self.media.public_url):
            return self.browser.put(url.removeprefix(self.media.public_url), data=data, headers=headers).status_code
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
        connection.request("PUT", f"{parts.path}?{parts.query}", data, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def post(self, url: str, **body: Any) -> TestResponse:
        """POST to one of the links."""
        return self.browser.post(url.removeprefix(self.media.public_url), json=body)

    def state(self, announced: dict[str, Any]) -> dict[str, Any]:
        """Ask how far it is."""
        found: dict[str, Any] = self.browser.get(announced["state_url"].removeprefix(self.media.public_url)).get_json()
        return found

    def send(self, data: bytes = DATA, **over: Any) -> dict[str, Any]:
        """Announce a file, put it, say so, and have it looked at."""
        announced = self.announce(data, **over)
        assert self.put(announced["upload"], data) == 200
        assert self.post(announced["arrived_url"]).status_code == 200
        tasks.receive(announced["id"])
        return announced


@contextmanager
def at_hand(app: Flask, media: Media) -> Iterator[Phone]:
    """Give a phone whose clock is the service's."""
    service.configure(media)
    phone = Phone(app.test_client(), media)
    app.extensions["clock"] = lambda: phone.now
    yield phone
    app.extensions["clock"] = utcnow


@pytest.fixture
def by_folder(app: Flask, session: Session, configured: Media) -> Iterator[Phone]:  # bound to it
    """Give the phone of a service whose clients do not reach its store."""
    with at_hand(app, configured) as phone:
        yield phone


@pytest.fixture
def by_bucket(
    app: Flask,
    session: Session,  # bound to it
    configured: Media,
    s3_server: S3Server,
) -> Iterator[Phone]:
    """Give the phone of a service that keeps photos in a bucket, to which clients put."""
    bucket = f"u{uuid4().hex}"
    (s3_server.root / bucket).mkdir()
    with closing(s3_server.open(bucket)) as store, at_hand(app, replace(configured, store=store)) as phone:
        yield phone


@pytest.fixture(params=["by_folder", "by_bucket"])
def phone(request: pytest.FixtureRequest) -> Phone:
    """Give a phone of each kind of service; most of what it sees is the same."""
    phone: Phone = request.getfixturevalue(request.param)
    return phone


def photo_of(session: Session, announced: dict[str, Any]) -> Photo:
    session.expire_all()
    return session.get_one(Photo, UUID(announced["id"]))


def stored(media: Media) -> list[str]:
    return sorted(one.key for prefix in ("originals", UPLOADS) for one in media.store.keys(prefix))


def jobs(session: Session, name: str) -> int:
    statement = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name")
    return int(session.execute(statement, {"name": name}).scalar_one())


def test_a_photo_that_is_put_becomes_a_photo(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    before = phone.state(announced)

    put = phone.put(announced["upload"])
    told = phone.post(announced["arrived_url"]).get_json()
    tasks.receive(announced["id"])

    photo = photo_of(session, announced)
    assert (before["state"], put, told["state"]) == ("expected", 200, "arrived")
    assert phone.state(announced) == announced | {"state": "ready", "upload": None}
    assert (photo.media_type, photo.size, photo.width, photo.height) == ("image/jpeg", len(DATA), 80, 48)
    assert stored(phone.media) == [photo.key]
    assert phone.media.store.get(original_key(photo.digest)) == DATA
    assert jobs(session, "media.render") == 1


def test_the_content_says_what_a_photo_is_and_not_the_announcement(session: Session, phone: Phone) -> None:
    announced = phone.send(encode(quarters(), "PNG"), media_type="image/jpeg")

    assert photo_of(session, announced).media_type == "image/png"


def test_bytes_that_nobody_tells_of_are_found(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    phone.media.store.put(upload_key(UUID(announced["id"]), 1), DATA)

    tasks.look(0)
    tasks.look(0)

    assert phone.state(announced)["state"] == "arrived"
    assert jobs(session, "media.receive") == 1


def test_who_says_that_it_was_put_and_did_not_is_told(phone: Phone) -> None:
    announced = phone.announce()

    answer = phone.post(announced["arrived_url"])

    assert answer.status_code == 409
    assert answer.get_json()["type"].endswith("#nothing-arrived")
    assert "`IMG_1.jpg`" in answer.get_json()["detail"]
    assert phone.state(announced)["state"] == "expected"


@pytest.mark.parametrize("tampered", ["type", "length", "key", "signature", "nothing"])
def test_a_put_is_taken_as_it_was_signed_or_not_at_all(phone: Phone, tampered: str) -> None:
    announced, another = phone.announce(), phone.announce()
    url: str = announced["upload"]["url"]
    url = url.replace(announced["id"], another["id"]) if tampered == "key" else url
    url = url[:-1] + ("0" if url[-1] != "0" else "1") if tampered == "signature" else url
    # The last of the 22 letters of our own signature has bits to spare: another one may mean the same.
    url = url[:-3] + "xyz" if tampered == "signature" and url.startswith(phone.media.public_url) else url
    data = DATA + b"more" if tampered == "length" else DATA

    status = phone.put(announced["upload"], data, url=url, media_type="image/png" if tampered == "type" else "")

    assert (status == 200) == (tampered == "nothing"), status
    assert bool(stored(phone.media)) == (tampered == "nothing")


def test_an_address_of_the_service_is_good_for_an_hour(by_folder: Phone) -> None:
    announced = by_folder.announce()

    by_folder.now += HOUR + dt.timedelta(seconds=1)
    late = by_folder.put(announced["upload"])
    renewed = by_folder.post(announced["state_url"]).get_json()

    assert late == 403
    assert renewed["id"] == announced["id"]
    assert by_folder.put(renewed["upload"]) == 200


def test_nobody_makes_an_address_good_for_longer(by_folder: Phone) -> None:
    announced = by_folder.announce()
    url: str = announced["upload"]["url"]
    expires = url.partition("expires=")[2].partition("&")[0]

    status = by_folder.put(announced["upload"], url=url.replace(expires, str(int(expires) + 86400)))

    assert status == 404


def test_an_address_of_a_bucket_expires(by_bucket: Phone) -> None:
    key = upload_key(uuid4(), 1)
    url = by_bucket.media.store.presign_put(key, media_type="image/jpeg", size=len(DATA), seconds=1)
    expired = utcnow() + dt.timedelta(seconds=2)
    wait_until(lambda: utcnow() > expired)

    status = by_bucket.put({"url": url, "headers": {"Content-Type": "image/jpeg"}})

    # AWS says 403, and rclone 400.
    assert status in {400, 403}
    assert stored(by_bucket.media) == []


def test_clients_get_the_address_at_which_they_reach_the_store(by_bucket: Phone, s3_server: S3Server) -> None:
    (bucket,) = {path.name for path in s3_server.root.iterdir()} & {urlsplit(_url(by_bucket)).path.split("/")[1]}
    outside = "https://photos.example.org"

    with closing(s3_server.open(bucket, public_endpoint=outside)) as store:
        url = store.presign_put(upload_key(uuid4(), 1), media_type="image/jpeg", size=5, seconds=60)

    assert url.startswith(f"{outside}/{bucket}/uploads/")
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in url


def _url(phone: Phone) -> str:
    url: str = phone.announce()["upload"]["url"]
    return url


def test_a_put_may_be_repeated(session: Session, phone: Phone) -> None:
    announced = phone.announce()

    statuses = [phone.put(announced["upload"]) for _ in range(3)]
    tasks.look(0)
    tasks.receive(announced["id"])
    statuses.append(phone.put(announced["upload"]))

    assert statuses == [200] * 4
    assert photo_of(session, announced).arrived_at is not None


def test_what_is_put_later_does_not_replace_what_was_decoded(session: Session, phone: Phone) -> None:
    announced = phone.send()
    digest = photo_of(session, announced).digest
    other = DATA[:-2] + b"\x00\xd9"

    status = phone.put(announced["upload"], other)
    tasks.look(0)
    tasks.receive(announced["id"])

    photo = photo_of(session, announced)
    # A bucket takes it, and nobody reads it.
    assert status == (409 if isinstance(phone.media.store, FolderStore) else 200)
    assert photo.digest == digest
    assert phone.media.store.get(photo.key) == DATA
    assert jobs(session, "media.render") == 1
    uploads.sweep_uploads(session, phone.media, before=utcnow() + HOUR)
    assert stored(phone.media) == [photo.key]


def test_a_put_that_breaks_off_leaves_nothing(by_folder: Phone, tmp_path: Path) -> None:
    announced = by_folder.announce()
    path = announced["upload"]["url"].removeprefix(by_folder.media.public_url)

    answer = by_folder.browser.put(
        path, input_stream=io.BytesIO(DATA[:-1]), content_length=len(DATA), content_type="image/jpeg"
    )

    assert answer.status_code in {400, 422}
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []
    assert by_folder.put(announced["upload"]) == 200


def test_a_refusal_names_the_file_and_the_next_attempt_may_be_another_file(session: Session, phone: Phone) -> None:
    announced = phone.send(b"no picture at all")
    refused = phone.state(announced)

    renewed = phone.post(announced["state_url"], size=len(OTHER), name="IMG_2.jpg").get_json()
    assert phone.put(renewed["upload"], OTHER) == 200
    tasks.look(0)
    tasks.receive(announced["id"])

    assert (refused["state"], refused["upload"]) == ("refused", None)
    assert "`IMG_1.jpg`" in refused["reason"]
    assert "state_url" in refused["reason"]
    assert renewed["reason"] is None
    assert phone.state(announced)["state"] == "ready"
    assert photo_of(session, announced).width == 96


def test_an_old_address_brings_nothing_to_a_new_attempt(phone: Phone) -> None:
    announced = phone.send(b"no picture at all")
    phone.post(announced["state_url"])

    phone.put(announced["upload"], b"no picture at all")
    tasks.look(0)

    assert phone.state(announced)["state"] == "expected"


def test_what_was_decoded_of_an_old_attempt_is_no_answer_to_a_new_one(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    photo_id = UUID(announced["id"])
    (accepted,) = service.accept(phone.media, [service.Upload("a.jpg", DATA)])
    phone.post(announced["state_url"], size=len(OTHER))

    done = uploads.mark_ready(session, photo_id, 1, accepted, now=phone.now)

    assert not done
    assert photo_of(session, announced).arrived_at is None


def test_a_store_that_does_not_compare_lengths_is_not_believed(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    phone.media.store.put(upload_key(UUID(announced["id"]), 1), OTHER + bytes(1000))

    tasks.look(0)
    tasks.receive(announced["id"])

    found = phone.state(announced)
    assert found["state"] == "refused"
    assert f"{len(DATA)} bytes" in found["reason"]


def test_bytes_that_are_gone_are_awaited_again(phone: Phone) -> None:
    announced = phone.announce()
    phone.put(announced["upload"])
    phone.post(announced["arrived_url"])
    phone.media.store.delete(upload_key(UUID(announced["id"]), 1))

    tasks.receive(announced["id"])

    assert phone.state(announced)["state"] == "expected"


@pytest.mark.parametrize(
    ("new", "status", "pointer"),
    [
        ({"size": 20_000_001}, 413, "/size"),
        ({"size": 0}, 422, "/size"),
        ({"media_type": "application/pdf"}, 422, "/media_type"),
        ({"name": "x" * 300}, 422, "/name"),
    ],
)
def test_what_cannot_be_taken_is_said_before_anything_is_sent(
    by_folder: Phone, new: dict[str, Any], status: int, pointer: str
) -> None:
    good = {"media_type": "image/jpeg", "size": 20_000_000, "name": "IMG_1.jpg"}

    taken = by_folder.browser.post("/api/v1/photos", json=good)
    answer = by_folder.browser.post("/api/v1/photos", json=good | new)

    assert (taken.status_code, answer.status_code) == (201, status)
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_announcing_and_putting_are_limited_as_filing_is(by_folder: Phone) -> None:
    announced = by_folder.announce()
    config = by_folder.browser.application.config
    before, config["REPORTS_PER_MINUTE"] = config["REPORTS_PER_MINUTE"], 1

    statuses = [by_folder.put(announced["upload"]) for _ in range(2)]
    another = by_folder.browser.post("/api/v1/photos", json={"media_type": "image/jpeg", "size": 5})

    config["REPORTS_PER_MINUTE"] = before
    assert (statuses, another.status_code) == ([200, 429], 429)


@pytest.mark.parametrize("link", ["state_url", "arrived_url"])
def test_the_links_are_secret(by_folder: Phone, link: str) -> None:
    announced, another = by_folder.announce(), by_folder.announce()
    path = another[link].replace(another["id"], announced["id"]).removeprefix(by_folder.media.public_url)

    statuses = {by_folder.browser.post(address, json={}).status_code for address in (path, path.partition("?")[0])}

    assert statuses == {404}
    assert by_folder.browser.get(path).status_code in {404, 405}


def test_what_nobody_named_in_a_day_is_removed_with_its_bytes(session: Session, phone: Phone) -> None:
    announced, named = phone.announce(), phone.announce()
    phone.put(announced["upload"])
    service.claim(session, [UUID(named["id"])], now=phone.now)

    forgotten = [service.forget_unclaimed(session, now=phone.now + after) for after in (DAY, DAY + HOUR)]
    swept = uploads.sweep_uploads(session, phone.media, before=phone.now + DAY)

    assert (forgotten, swept) == ([0, 1], 1)
    assert stored(phone.media) == []
    assert phone.browser.get(announced["state_url"].removeprefix(phone.media.public_url)).status_code == 404
    assert phone.state(named)["state"] == "expected"


def test_the_sweep_spares_what_is_awaited_and_what_is_new(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    phone.put(announced["upload"])
    phone.media.store.put(upload_key(uuid4(), 1), DATA)
    phone.media.store.put(f"{UPLOADS}/what-is-this", DATA)

    young = uploads.sweep_uploads(session, phone.media, before=utcnow() - DAY)
    old = uploads.sweep_uploads(session, phone.media, before=utcnow() + HOUR)

    assert (young, old) == (0, 2)
    assert stored(phone.media) == [upload_key(UUID(announced["id"]), 1)]


def test_after_a_week_nobody_waits_and_what_comes_yet_is_taken(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    service.claim(session, [UUID(announced["id"])], now=phone.now)

    ended = [uploads.end_awaiting(session, now=phone.now + 7 * DAY + more) for more in (-HOUR, HOUR)]
    session.expire_all()
    closed = phone.post(announced["state_url"])
    said = phone.state(announced)
    phone.media.store.put(upload_key(UUID(announced["id"]), 1), DATA)
    tasks.look(0)
    tasks.receive(announced["id"])

    assert ended == [0, 1]
    assert (closed.status_code, closed.get_json()["state"]) == (409, "never_arrived")
    assert "new photo" in said["reason"]
    assert phone.state(announced)["state"] == "ready"


def test_a_photo_whose_job_failed_for_good_is_looked_at_again_a_day_later(session: Session, phone: Phone) -> None:
    announced = phone.announce()
    phone.put(announced["upload"])
    tasks.look(0)
    there = uploads.look(phone.media)

    again = [uploads.note_arrivals(session, there, now=utcnow() + after) for after in (HOUR, DAY + HOUR)]

    assert again == [0, 1]


def test_of_two_who_name_a_photo_one_has_it(session: Session, phone: Phone) -> None:
    photo_id = UUID(phone.announce()["id"])
    service.claim(session, [photo_id], now=phone.now)

    with pytest.raises(NoSuchPhoto):
        service.claim(session, [photo_id], now=phone.now)


class Meeting(FolderStore):
    """A folder whose readers of uploads wait for each other."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.meeting = threading.Barrier(2, timeout=PATIENCE_S)

    def get(self, key: str) -> bytes:
        """Read once the other one is here."""
        data = super().get(key)
        if key.startswith(UPLOADS):
            self.meeting.wait()
        return data


@pytest.mark.usefixtures("committed")
def test_of_two_jobs_at_once_one_fills_the_photo(configured: Media, tmp_path: Path) -> None:
    media = replace(configured, store=Meeting(tmp_path / "media"))
    service.configure(media)
    with db.Session.begin() as session:
        upload = uploads.announce(session, Announced("image/jpeg", len(DATA), "a.jpg"), now=utcnow())
        uploads.note_arrival(session, upload.photo_id, 1, now=utcnow())
    media.store.put(upload_key(upload.photo_id, 1), DATA)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(tasks.receive, [str(upload.photo_id)] * 2))

    with db.Session() as session:
        assert session.get_one(DirectUpload, upload.photo_id).state is UploadState.READY
        assert jobs(session, "media.render") == 1
    assert len(stored(media)) == 1


@pytest.mark.usefixtures("committed")
def test_a_photo_that_arrives_while_it_is_named_is_named_and_here(configured: Media) -> None:
    del configured
    (accepted,) = service.accept(service.current(), [service.Upload("a.jpg", encode(noise(64, 64)))])
    with db.Session.begin() as session:
        upload = uploads.announce(session, Announced("image/jpeg", 5, "a.jpg"), now=utcnow())

    def name() -> None:
        with db.Session.begin() as session:
            service.claim(session, [upload.photo_id], now=utcnow())

    def arrive() -> None:
        with db.Session.begin() as session:
            uploads.mark_ready(session, upload.photo_id, 1, accepted, now=utcnow())

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(name), pool.submit(arrive)]:
            ended.result()

    with db.Session() as session:
        photo = session.get_one(Photo, upload.photo_id)
        assert photo.claimed_at
        assert photo.arrived_at


@pytest.mark.parametrize("column", ["digest", "width", "taken_zone_known"])
def test_no_photo_is_half_known(session: Session, phone: Phone, column: str) -> None:
    announced = phone.send()

    with pytest.raises(Exception, match="ck_photos_arrived"):
        session.execute(text(f"UPDATE photos SET {column} = NULL WHERE id = :id"), {"id": announced["id"]})
