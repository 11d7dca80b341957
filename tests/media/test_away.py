"""While the bucket of photos is away, reports go on, with and without photos; nothing is lost and nothing doubled."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import utcnow
from app.media import doctor, service, spool, states, tasks
from app.media.breaker import FAILURES, CircuitState, Limits
from app.media.errors import StoreUnavailable
from app.media.models import Photo, SpooledPhoto
from app.media.service import Media, Upload
from tests.make import YUEHAI
from tests.media.buckets import S3Server
from tests.media.faults import Fault, Proxy, failing_proxy
from tests.media.pictures import encode, quarters
from tests.waiting import wait_until

DATA, OTHER = encode(quarters()), encode(quarters(96, 48))
LON, LAT = YUEHAI
# The next call after the circuit opened probes.
QUICK = Limits(seconds=1, wait_s=0, calls=4, pause_s=0)


@dataclass
class Site:
    """The service behind a bucket that fails on request; ``patient`` reaches the bucket by itself and has time."""

    browser: FlaskClient
    media: Media
    patient: Media
    proxy: Proxy
    bucket: Path

    def file(self, *pictures: bytes, key: str = "", **over: Any) -> TestResponse:
        """File a report by the API."""
        photos = [(io.BytesIO(data), f"{number}.jpg") for number, data in enumerate(pictures)]
        form = {"lon": LON, "lat": LAT, "item": "B0120", "language": "en", "photos": photos}
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self.browser.post("/api/v1/reports", data=form | over, headers=headers)

    def follow(self, filed: TestResponse) -> dict[str, Any]:
        """Read the report by its link."""
        secret = filed.headers["Location"].rsplit("/", 1)[1]
        found: dict[str, Any] = self.browser.get(f"/api/v1/track/{secret}").get_json()
        return found

    def heal(self, session: Session) -> None:
        """End the fault, and let the job move until nothing waits."""
        self.proxy.fault = None

        def is_empty() -> bool:
            tasks.unspool(0)
            return not spool.waiting(session, limit=1)

        wait_until(is_empty)

    def originals(self) -> list[bytes]:
        """Give the originals that are in the bucket."""
        return sorted(path.read_bytes() for path in (self.bucket / "originals").rglob("*") if path.is_file())


@pytest.fixture
def site(app: Flask, shenzhen: Session, configured: Media, s3_server: S3Server) -> Iterator[Site]:
    name = uuid4().hex
    (s3_server.root / name).mkdir()
    with ExitStack() as stack:
        proxy = stack.enter_context(failing_proxy(s3_server.endpoint))
        store = stack.enter_context(closing(s3_server.open(name, endpoint=proxy.endpoint, limits=QUICK)))
        direct = stack.enter_context(closing(s3_server.open(name)))
        media = replace(configured, store=store, spool_bytes=1_000_000)
        service.configure(media)
        yield Site(app.test_client(), media, replace(media, store=direct), proxy, s3_server.root / name)


@pytest.mark.parametrize("fault", Fault)
def test_reports_go_on_and_their_photos_follow(fault: Fault, site: Site, shenzhen: Session) -> None:
    site.proxy.fault = fault

    with_photos, without = site.file(DATA, OTHER), site.file()

    assert (with_photos.status_code, without.status_code) == (201, 201)
    shown = site.follow(with_photos)
    assert [each["state"] for each in shown["awaited"]] == ["arrived", "arrived"]
    assert shown["photos"] == []

    site.heal(shenzhen)
    tasks.unspool(0)  # once more changes nothing
    site.heal(shenzhen)

    shown = site.follow(with_photos)
    assert (shown["awaited"], len(shown["photos"])) == ([], 2)
    assert site.originals() == sorted([DATA, OTHER])
    assert spool.spooled_bytes(shenzhen) == 0


def test_a_photo_that_the_store_refuses_keeps_no_other_one_waiting(
    site: Site, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.proxy.fault = Fault.BUSY
    site.file(DATA)
    site.file(OTHER)
    site.proxy.fault = None
    refused, _ = spool.waiting(shenzhen, limit=2)
    key = shenzhen.get_one(Photo, refused).key
    put = site.patient.store.put

    def put_all_but_one(given: str, data: bytes) -> None:
        if given == key:
            raise StoreUnavailable("403")
        put(given, data)

    monkeypatch.setattr(site.patient.store, "put", put_all_but_one)
    service.configure(site.patient)

    tasks.unspool(0)

    assert spool.waiting(shenzhen, limit=2) == [refused]


def test_each_photo_that_followed_is_rendered_once(site: Site, shenzhen: Session) -> None:
    site.proxy.fault = Fault.BUSY
    site.file(DATA)
    jobs = "SELECT args->>'photo_id' FROM procrastinate_jobs WHERE task_name = 'media.render'"
    before = shenzhen.connection().exec_driver_sql(jobs).scalars().all()

    site.heal(shenzhen)

    asked = shenzhen.connection().exec_driver_sql(jobs).scalars().all()
    (photo_id,) = shenzhen.scalars(select(Photo.id))
    assert before == []
    assert asked == [str(photo_id)]
    service.make_renditions(site.media, shenzhen.get_one(Photo, photo_id))


def test_a_report_that_is_sent_again_is_the_same_whether_the_store_is_away_or_back(
    site: Site, shenzhen: Session
) -> None:
    key = str(uuid4())
    site.proxy.fault = Fault.BUSY
    first = site.file(DATA, key=key)
    again = site.file(DATA, key=key)
    site.heal(shenzhen)
    back = site.file(DATA, key=key)

    assert {first.get_json()["number"], again.get_json()["number"], back.get_json()["number"]} == {
        first.get_json()["number"]
    }
    assert len(shenzhen.scalars(select(Photo.id)).all()) == 1


def test_one_photo_of_a_report_asks_the_store_that_is_away_and_the_others_do_not(site: Site) -> None:
    site.proxy.fault = Fault.SILENT
    before = len(site.proxy.requests)

    assert site.file(DATA, OTHER, encode(quarters(80, 40))).status_code == 201

    assert len({line.split()[1] for line in site.proxy.requests[before:]}) == 1


def test_the_status_tells_that_the_store_is_not_tried_and_what_waits_for_it(site: Site, shenzhen: Session) -> None:
    def told() -> dict[str, Any]:
        store: dict[str, Any] = site.browser.get("/statusz").get_json()["store"]
        return store

    well = told()
    site.proxy.fault = Fault.BUSY
    for _ in range(FAILURES):
        site.file(DATA)
    away = told()
    site.heal(shenzhen)
    back = told()

    waits = {"spooled": FAILURES * len(DATA), "spool_limit": 1_000_000}
    assert well == {"circuit": "closed", "since": None, "fault": "", "spooled": 0, "spool_limit": 1_000_000}
    assert away == away | waits
    assert away["circuit"] != "closed"  # open, or half-open: QUICK pauses for no time
    assert away["since"]
    assert away["fault"]
    assert (back["circuit"], back["fault"], back["spooled"]) == ("closed", "", 0)


def test_the_form_keeps_its_photos_while_the_store_is_away(site: Site, shenzhen: Session) -> None:
    site.proxy.fault = Fault.BUSY
    form = {"lon": LON, "lat": LAT, "item": "B0120", "another": "1", "photos": [(io.BytesIO(DATA), "a.jpg")]}

    page = site.browser.post("/?lang=en", data=form, follow_redirects=True)

    assert page.status_code == 200
    assert "A photo has arrived and is being made ready." in page.text
    site.heal(shenzhen)
    assert site.originals() == [DATA]


def test_more_photos_than_the_database_may_keep_are_refused_and_nothing_is_kept(site: Site, shenzhen: Session) -> None:
    site.proxy.fault = Fault.BUSY
    service.configure(replace(site.media, spool_bytes=len(DATA)))

    fits, refused, without = site.file(DATA), site.file(OTHER), site.file()

    assert (fits.status_code, refused.status_code, without.status_code) == (201, 503, 201)
    assert refused.headers["Retry-After"] == "5"
    assert "A report without photos is taken." in refused.get_json()["detail"]
    assert shenzhen.scalars(select(SpooledPhoto.size)).all() == [len(DATA)]
    assert len(shenzhen.scalars(select(Photo.id)).all()) == 1


@pytest.mark.parametrize("fault", Fault)
def test_pictures_answer_503_and_say_when_to_come_back(fault: Fault, site: Site, shenzhen: Session) -> None:
    photo = stored_photo(site, shenzhen)
    site.proxy.fault = fault

    answers = [site.browser.get(service.rendition_url(site.media, photo.id, 320)) for _ in range(4)]

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["Retry-After"] for answer in answers} == {"5"}


def stored_photo(site: Site, session: Session) -> Photo:
    (accepted,) = service.accept(site.patient, [Upload("a.jpg", DATA)], spools=False)
    photo = service.record(session, accepted, now=utcnow(), claimed=True)
    service.make_renditions(site.patient, photo)
    service.mark_rendered(session, photo.id, now=utcnow())
    return photo


def test_a_filing_without_a_photo_needs_no_call_of_a_store_that_hangs(
    site: Site, s3_server: S3Server, shenzhen: Session
) -> None:
    limits = Limits(seconds=3600, wait_s=0, calls=2)
    with closing(s3_server.open(site.bucket.name, endpoint=site.proxy.endpoint, limits=limits)) as store:
        service.configure(replace(site.media, store=store))
        photo = stored_photo(site, shenzhen)
        site.proxy.fault = Fault.SILENT
        stuck = [threading.Thread(target=quietly_get, args=(store, photo), daemon=True) for _ in range(2)]
        for thread in stuck:
            thread.start()
        wait_until(lambda: site.proxy.held == 2)
        reached = len(site.proxy.requests)

        without, with_photo = site.file(), site.file(OTHER)
        picture = site.browser.get(service.rendition_url(site.media, photo.id, 320))

        assert (without.status_code, with_photo.status_code, picture.status_code) == (201, 201, 503)
        assert len(site.proxy.requests) == reached
        assert store.health.state is CircuitState.CLOSED
        site.proxy.released.set()
        for thread in stuck:
            thread.join()


def quietly_get(store: Any, photo: Photo) -> None:
    with pytest.raises(StoreUnavailable):
        store.get(photo.key)


def test_the_doctor_misses_nothing_of_a_photo_that_waits_for_the_store(site: Site, shenzhen: Session) -> None:
    site.proxy.fault = Fault.BUSY
    site.file(DATA)
    site.proxy.fault = None
    page = states.page(shenzhen, limit=10)

    assert len(page) == 1
    assert doctor.examine(shenzhen, site.media.store, page, deep=False) == []


def test_a_folder_keeps_no_originals_in_the_database(app: Flask) -> None:
    assert service.open_media(app.config["SETTINGS"]).spool_bytes == 0
