"""Web or worker is killed at each step of a photo: none is lost, none is left half made, nothing stays behind."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psutil
import pytest
import requests
from sqlalchemy import create_engine, select, text
from sqlalchemy.pool import NullPool

from app.db import Session, utcnow
from app.jobs import enqueue
from app.media import cli, doctor, service, states, uploads
from app.media.models import Photo
from app.media.probe import Prober
from app.media.service import VARIANTS, Media, Upload
from app.media.store import FolderStore, masked_key, original_key, rendition_key
from app.opendata.shelf import FOLDER as OPEN_DATA
from app.reports.models import Report, ReportPhoto
from dev.cluster import Cluster
from tests.databases import SECRET, fill, settings_for
from tests.kill.harness import Service
from tests.make import YUEHAI, make_photo
from tests.scale import short_or_long
from tests.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.kill, pytest.mark.long]

HALTING = "tests.kill.halting"


@dataclass(frozen=True, slots=True)
class Window:
    """What is there at the moment of the kill; it tells that the kill fell between two steps and no elsewhere."""

    part: bool = False
    original: bool = True
    row: str = "claimed"
    plain: str = "none"
    rendered: bool = False
    masked: str = "none"
    marked: bool = False


# fmt: off
WEB = {
    "original half written": Window(part=True, original=False, row="none"),
    "original stored":       Window(row="none"),
    "photo recorded":        Window(row="none"),
    "report committed":      Window(),
}
CLAIM = {
    "photo claimed":   Window(row="unclaimed"),
    "claim committed": Window(),
}
UPLOAD = {
    "upload half written": Window(part=True, original=False, row="none"),
    "upload stored":       Window(original=False, row="none"),
    "arrival committed":   Window(original=False, row="none"),
}
RECEIPT = {
    "upload examined": Window(row="none"),
    "photo filled":    Window(),
}
WORKER = {
    "rendition half written": Window(part=True),
    "between renditions":     Window(plain="some"),
    "renditions stored":      Window(plain="all"),
    "rendering committed":    Window(plain="all", rendered=True),
    "masked half written":    Window(plain="all", rendered=True, part=True),
    "between masked":         Window(plain="all", rendered=True, masked="some"),
    "masked stored":          Window(plain="all", rendered=True, masked="all"),
    "masking committed":      Window(plain="all", rendered=True, masked="all", marked=True),
}
# fmt: on
SHORT = (
    "original half written",
    "report committed",
    "claim committed",
    "upload stored",
    "photo filled",
    "renditions stored",
    "masked half written",
    "masking committed",
)


def some_of(points: Iterable[str]) -> list[str]:
    """Give the points of this run."""
    every = list(points)
    return short_or_long([point for point in every if point in SHORT], every)


@dataclass
class City:
    """A service over a database of its own, its store, and the reports that it acknowledged."""

    service: Service
    media: Media
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """Give the folder of the photos."""
        return self.service.settings.media_root

    def halt(self, name: str, point: str) -> None:
        """Start web or worker so that it halts at a point."""
        (self.service.folder / "halted").unlink(missing_ok=True)
        self.service.start(name, application=HALTING, HALT_AT=point, HALT_FOLDER=str(self.service.folder))

    def kill_in(self, name: str, window: Window, digest: str) -> None:
        """Wait until it halts, check that the window is this one, and kill it there."""
        halted = self.service.folder / "halted"
        wait_until(halted.exists, f"{name} never came to the point")
        pid = int(halted.read_text())
        assert os.getpgid(pid) == self.service.running[name].pid
        assert self.look(digest) == window
        self.service.kill(name)
        wait_until(lambda: not psutil.pid_exists(pid), f"{name} does not die")
        assert not (self.service.folder / "went on").exists(), "it was not killed at the point but later"

    def look(self, digest: str) -> Window:
        """Say what is there of a photo."""
        with Session() as session:
            photo = session.scalars(select(Photo).where(Photo.digest == digest)).one_or_none()
        row = "none" if photo is None else "claimed" if photo.claimed_at else "unclaimed"
        return Window(
            part=any(self.root.rglob("*.part")),
            original=self.media.store.exists(original_key(digest)),
            row=row,
            plain=self._how_many([rendition_key(digest, *variant) for variant in VARIANTS]),
            rendered=bool(photo and photo.rendered_at),
            masked=self._how_many([masked_key(digest, photo.id, 0, *variant) for variant in VARIANTS] if photo else []),
            marked=bool(photo and photo.masked_at),
        )

    def _how_many(self, keys: list[str]) -> str:
        there = sum(map(self.media.store.exists, keys))
        return "none" if not there else "all" if there == len(keys) else "some"

    def file(self, key: str, digest: str, **sent: Any) -> None:
        """File a report; keep what was acknowledged."""
        answer = requests.post(
            f"{self.service.address}/api/v1/reports", headers={"Idempotency-Key": key}, timeout=PATIENCE_S, **sent
        )
        assert answer.status_code == 201, answer.text
        self.acknowledged[key] = (answer.json()["number"], digest)

    def announce(self, photo: bytes, digest: str) -> tuple[str, dict[str, str]]:
        """Start web alone and file a report that names a photo before its bytes come; give address and headers."""
        self.service.stop()
        self.service.start("web")
        self.service.wait_until_alive()
        announced = requests.post(
            f"{self.service.address}/api/v1/photos",
            json={"media_type": "image/jpeg", "size": len(photo)},
            timeout=PATIENCE_S,
        ).json()
        self.file(str(uuid4()), digest, json=form() | {"photos": [announced["id"]]})
        address = urlsplit(announced["upload"]["url"])
        return f"{self.service.address}{address.path}?{address.query}", announced["upload"]["headers"]

    def find_uploads(self) -> None:
        """Let the minute be over after which a worker looks for what came and was not said."""
        with Session.begin() as session:
            enqueue(session, "media.look", timestamp=0)

    def recover(self) -> None:
        """Start again what does not run; let the half minute be over after which a worker counts as dead."""
        with Session.begin() as session:
            session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"))
            enqueue(session, "upkeep.reap", timestamp=0)
        self.service.restore()
        self.service.wait_until_alive()

    def settle(self) -> None:
        """Wait until no job of photos waits or runs."""
        left = text(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE 'media.%' AND status IN ('todo', 'doing')"
        )

        def is_done() -> bool:
            with Session() as session:
                return not session.scalar(left)

        wait_until(is_done, "jobs are left")

    def check(self) -> None:
        """Check that each acknowledged report has its photo with all its pictures, and that nothing else is there."""
        with Session() as session:
            rows = session.execute(
                select(Report.idempotency_key, Report.number, Photo)
                .join(ReportPhoto, ReportPhoto.report_id == Report.id)
                .join(Photo, Photo.id == ReportPhoto.photo_id)
            ).all()
            failed = session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"))
        assert {str(key): (number, photo.digest) for key, number, photo in rows} == self.acknowledged
        assert failed == 0
        kept = set()
        for _, _, photo in rows:
            assert hashlib.sha256(self.media.store.get(photo.key)).hexdigest() == photo.digest
            assert photo.rendered_at
            assert photo.masked_at
            kept |= {photo.key, *(rendition_key(photo.digest, *variant) for variant in VARIANTS)}
            kept |= {masked_key(photo.digest, photo.id, 0, *variant) for variant in VARIANTS}
        self._sweep_a_day_later()
        there = {path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file()}
        # Once an hour the worker looks whether today's open data are written: they may lie here too.
        assert {path.as_posix() for path in there if path.parts[0] != OPEN_DATA} == kept
        self._check_as_a_doctor()

    def _sweep_a_day_later(self) -> None:
        now = utcnow() + service.UNCLAIMED_FOR + dt.timedelta(minutes=5)
        with Session.begin() as session:
            service.forget_unclaimed(session, now=now)
        with Session() as session:
            service.sweep(session, self.media, now=now)
            uploads.sweep_uploads(session, self.media, before=now - service.UNCLAIMED_FOR)

    def _check_as_a_doctor(self) -> None:
        with Session() as session:
            page = states.page(session, limit=cli._PAGE)
            assert doctor.examine(session, self.media.store, page, deep=True) == []
        assert len(page) == len(self.acknowledged)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[City]:
    """Give the real Shenzhen, of which nothing runs yet."""
    folder = tmp_path_factory.mktemp("survive")
    cluster = Cluster(folder / "pg", durable=False)
    cluster.start()
    cluster.ensure_database("ssp_photos")
    settings = settings_for(cluster.url("ssp_photos"), cluster.url("ssp_photos", "ssp_owner"), folder)
    fill("shenzhen", settings)
    engine = create_engine(settings.database_url, poolclass=NullPool)
    Session.configure(bind=engine, join_transaction_mode="conditional_savepoint")
    media = Media(
        store=FolderStore(settings.media_root), prober=Prober(1), key=SECRET.encode(), public_url=settings.public_url
    )
    service = Service(cluster, settings, folder)
    try:
        yield City(service, media)
    finally:
        service.stop()
        media.prober.close()
        engine.dispose()
        cluster.destroy()


@pytest.fixture
def photo() -> bytes:
    """Give a photo that there was not before."""
    return make_photo(f"#{uuid4().hex[:6]}", (400, 300))


def form() -> dict[str, Any]:
    return {"lon": YUEHAI[0], "lat": YUEHAI[1], "item": "B0121", "language": "zh"}


def file_and_hope(city: City, key: str, **sent: Any) -> threading.Thread:
    """File a report of which no answer comes: web dies meanwhile."""

    def file() -> None:
        with suppress(requests.RequestException):
            requests.post(
                f"{city.service.address}/api/v1/reports", headers={"Idempotency-Key": key}, **sent, timeout=PATIENCE_S
            )
            raise AssertionError("web answered: it was not killed at the point")

    thread = threading.Thread(target=file)
    thread.start()
    return thread


@pytest.mark.parametrize("point", some_of(WEB))
def test_a_photo_that_comes_with_its_report_survives_the_death_of_web(city: City, photo: bytes, point: str) -> None:
    key, digest = str(uuid4()), hashlib.sha256(photo).hexdigest()
    sent = {"data": form(), "files": {"photos": ("photo.jpg", photo)}}
    city.service.stop()

    city.halt("web", point)
    city.service.wait_until_alive()
    thread = file_and_hope(city, key, **sent)
    city.kill_in("web", WEB[point], digest)
    thread.join()
    city.recover()
    city.file(key, digest, **sent)
    city.settle()

    city.check()


@pytest.mark.parametrize("point", some_of(point for point in WEB if WEB[point].row == "none"))
def test_of_a_resident_who_does_not_send_again_nothing_stays(city: City, photo: bytes, point: str) -> None:
    digest = hashlib.sha256(photo).hexdigest()
    city.service.stop()

    city.halt("web", point)
    city.service.wait_until_alive()
    thread = file_and_hope(city, str(uuid4()), data=form(), files={"photos": ("photo.jpg", photo)})
    city.kill_in("web", WEB[point], digest)
    thread.join()

    assert any(path.name.startswith(digest) for path in city.root.rglob("*")), "nothing was there to be swept"
    city.check()


@pytest.mark.parametrize("point", some_of(CLAIM))
def test_a_photo_that_was_sent_before_survives_the_death_of_web(city: City, photo: bytes, point: str) -> None:
    key, digest = str(uuid4()), hashlib.sha256(photo).hexdigest()
    city.service.stop()
    (accepted,) = service.accept(city.media, [Upload("a.jpg", photo)])
    with Session.begin() as session:
        photo_id: UUID = service.record(session, accepted, now=utcnow(), claimed=False).id
    sent = {"json": form() | {"photos": [str(photo_id)]}}

    city.halt("web", point)
    city.service.wait_until_alive()
    thread = file_and_hope(city, key, **sent)
    city.kill_in("web", CLAIM[point], digest)
    thread.join()
    city.recover()
    city.file(key, digest, **sent)
    city.settle()

    city.check()


def put_and_hope(address: str, headers: dict[str, str], photo: bytes) -> threading.Thread:
    def put() -> None:
        with suppress(requests.RequestException):
            requests.put(address, data=photo, headers=headers, timeout=PATIENCE_S)

    thread = threading.Thread(target=put)
    thread.start()
    return thread


@pytest.mark.parametrize("point", some_of(UPLOAD))
def test_a_direct_upload_survives_the_death_of_web(city: City, photo: bytes, point: str) -> None:
    digest = hashlib.sha256(photo).hexdigest()
    address, headers = city.announce(photo, digest)
    city.service.stop()

    city.halt("web", point)
    city.service.wait_until_alive()
    thread = put_and_hope(address, headers, photo)
    city.kill_in("web", UPLOAD[point], digest)
    thread.join()
    city.recover()
    if UPLOAD[point].part:  # what came is kept, and what did not is put again
        assert requests.put(address, data=photo, headers=headers, timeout=PATIENCE_S).status_code == 200
    city.find_uploads()
    city.settle()

    city.check()


@pytest.mark.parametrize("point", some_of(RECEIPT))
def test_a_direct_upload_survives_the_death_of_the_worker(city: City, photo: bytes, point: str) -> None:
    digest = hashlib.sha256(photo).hexdigest()
    address, headers = city.announce(photo, digest)
    assert requests.put(address, data=photo, headers=headers, timeout=PATIENCE_S).status_code == 200

    city.halt("worker", point)
    city.kill_in("worker", RECEIPT[point], digest)
    city.recover()
    city.settle()

    city.check()


@pytest.mark.parametrize("point", some_of(WORKER))
def test_pictures_are_made_although_the_worker_dies(city: City, photo: bytes, point: str) -> None:
    digest = hashlib.sha256(photo).hexdigest()
    if "worker" in city.service.running:
        city.service.kill("worker")
    if "web" not in city.service.running:
        city.service.start("web")
    city.service.wait_until_alive()
    city.file(str(uuid4()), digest, data=form(), files={"photos": ("photo.jpg", photo)})

    city.halt("worker", point)
    city.kill_in("worker", WORKER[point], digest)
    city.recover()
    city.settle()

    city.check()
