"""Whatever is killed right after a 201: the report is there after the restart, once."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
import requests
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.media.models import Photo
from app.reports.models import Report, ReportLink, ReportPhoto
from app.workorders.models import TimelineEvent, WorkOrder
from app.workorders.timeline import GENESIS, event_hash
from dev.cluster import Cluster
from tests.databases import fill, settings_for
from tests.kill.harness import Service, count_as_lost
from tests.make import YUEHAI, make_photo
from tests.scale import short_or_long
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.kill

VICTIMS = ("web", "one of web", "worker", "database")
KILLS = short_or_long(4, 52)  # each victim as often as any other
PHONES = 3


@pytest.fixture
def service(tmp_path: Path, shared: Path) -> Iterator[Service]:
    """Give a service over a durable cluster of its own, with the real Shenzhen."""
    cluster = Cluster(tmp_path / "pg", durable=True)
    cluster.start()
    name = "ssp_kill"
    cluster.ensure_database(name)
    settings = settings_for(cluster.url(name), cluster.url(name, "ssp_owner"), tmp_path)
    fill("shenzhen", settings)
    service = Service(cluster, settings, tmp_path)
    try:
        service.restore()
        service.wait_until_alive()
        yield service
    finally:
        service.stop()
        cluster.destroy()


@dataclass
class Phones:
    """Residents who send a report until it is acknowledged, as an app on a phone does."""

    address: str
    rng: random.Random
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    photos: dict[str, str] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)
    fresh: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def send_for_ever(self) -> None:
        """File one report after the other."""
        while not self.over.is_set():
            self.file(str(uuid4()))

    def file(self, key: str) -> None:
        """File a report; where no 201 comes, send the same again."""
        shift = self.rng.uniform(-0.02, 0.02)
        form = {"lon": YUEHAI[0] + shift / 4, "lat": YUEHAI[1] + 0.01 + shift / 4, "item": "B0120", "language": "zh"}
        form["contact"] = f"resident-{key}@example.org"
        photo = make_photo(f"#{self.rng.randrange(1 << 24):06x}", (64, 48))
        while True:
            try:
                answer = requests.post(
                    f"{self.address}/api/v1/reports",
                    data=form,
                    files={"photos": ("photo.jpg", photo)},
                    headers={"Idempotency-Key": key},
                    timeout=PATIENCE_S,
                )
            except requests.RequestException:
                time.sleep(0.05)
                continue
            self.statuses.add(answer.status_code)
            if answer.status_code == 201:
                break
            time.sleep(0.1)
        self.photos[key] = hashlib.sha256(photo).hexdigest()
        self.acknowledged[key] = answer.json()
        self.fresh.set()


@pytest.mark.long
def test_kills_lose_no_acknowledged_report(service: Service) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    victims = list(VICTIMS) * (KILLS // len(VICTIMS))
    rng.shuffle(victims)
    phones = Phones(service.address, rng)
    threads = [threading.Thread(target=phones.send_for_ever) for _ in range(PHONES)]
    probers = {child.pid for child in psutil.Process(service.running["web"].pid).children(recursive=True)}

    for thread in threads:
        thread.start()
    for victim in victims:
        phones.fresh.clear()
        assert phones.fresh.wait(PATIENCE_S), f"nothing is acknowledged, seed {seed}, {phones.statuses}"
        service.kill(victim)
        service.restore()
    service.wait_until_alive()
    phones.over.set()
    for thread in threads:
        thread.join(PATIENCE_S)

    assert not any(thread.is_alive() for thread in threads), f"a phone still waits, seed {seed}"
    assert phones.statuses <= {201, 503}, f"seed {seed}"
    assert len(phones.acknowledged) >= KILLS
    engine = create_engine(service.settings.database_url, poolclass=NullPool)
    wait_until_settled(engine, seed)
    with Session(engine) as session:
        check_reports(session, phones, seed)
        check_photos(session, service.settings.media_root, phones)
        check_history(session)
    check_mail(service.settings.mail_root, phones)
    live = {child.pid for child in psutil.Process(service.running["web"].pid).children(recursive=True)}
    assert not [pid for pid in probers - live if psutil.pid_exists(pid) and is_ours(pid)]


def test_without_the_database_it_says_so_and_recovers_by_itself(service: Service) -> None:
    phones = Phones(service.address, random.Random(1))
    phones.file(str(uuid4()))

    service.kill("database")
    form = {"lon": str(YUEHAI[0]), "lat": str(YUEHAI[1]), "item": "B0121"}
    refused = requests.post(f"{service.address}/api/v1/reports", json=form, timeout=PATIENCE_S)
    ready = requests.get(f"{service.address}/readyz", timeout=PATIENCE_S)
    service.cluster.start()
    phones.file(str(uuid4()))
    wait_until_settled(create_engine(service.settings.database_url, poolclass=NullPool), seed=1)

    assert all(process.poll() is None for process in service.running.values())
    check_mail(service.settings.mail_root, phones)
    assert (refused.status_code, ready.status_code) == (503, 503)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"]
    assert len(phones.acknowledged) == 2


def is_ours(pid: int) -> bool:
    try:
        return "app.media" in " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def wait_until_settled(engine: Engine, seed: int) -> None:
    """Wait until the worker has done every job and handed over every delivery, those of killed workers too."""
    waiting = text(
        "SELECT task_name, status::text, attempts FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
        "AND task_name IN ('media.render', 'notify.fan_out', 'notify.deliver') "
        "UNION ALL SELECT 'delivery', state, tries FROM deliveries "
        "WHERE state IN ('queued', 'sending') AND next_at IS NOT NULL"
    )

    def left() -> Sequence[object]:
        with engine.connect() as connection:
            return connection.execute(waiting).all()

    looks = itertools.count()

    def is_settled() -> bool:
        if next(looks) % 100 == 0:  # every two seconds or so
            with Session(engine) as session, session.begin():
                count_as_lost(session)
        return not left()

    wait_until(is_settled, lambda: f"work is left, seed {seed}: {left()[:5]}")


def check_reports(session: Session, phones: Phones, seed: int) -> None:
    """Check that every acknowledged report is there once, under its number, with one link to a work order."""
    there = dict(session.execute(select(Report.idempotency_key, Report.number)).all())
    missing = [key for key, answer in phones.acknowledged.items() if there.get(UUID(key)) != answer["number"]]
    assert missing == [], f"seed {seed}"
    assert session.scalar(select(func.count()).select_from(Report)) == len(there)
    assert session.scalar(select(func.count()).select_from(ReportLink)) == len(there)
    counted = session.scalar(select(func.sum(WorkOrder.reports)))
    assert counted == len(there)


def check_photos(session: Session, root: Path, phones: Phones) -> None:
    """Check that every original is in the store, whole, and that its renditions were made."""
    statement = (
        select(Report.idempotency_key, Photo)
        .join(ReportPhoto, ReportPhoto.report_id == Report.id)
        .join(Photo, Photo.id == ReportPhoto.photo_id)
    )
    found = {str(key): photo for key, photo in session.execute(statement)}
    for key, digest in phones.photos.items():
        photo = found[key]
        assert photo.digest == digest
        assert hashlib.sha256((root / photo.key).read_bytes()).hexdigest() == digest
        assert photo.rendered_at is not None
        # What a worker was writing when it was killed is left beside them until the sweep.
        made = {path.name for path in (root / "renditions").rglob(f"{digest}/*.*") if path.suffix != ".part"}
        assert made == {"1600.jpg", "320.jpg", "1600.webp", "320.webp"}


def check_history(session: Session) -> None:
    """Check that every chain is whole and ends where the work order says."""
    for work_order in session.scalars(select(WorkOrder)):
        previous, number = GENESIS, 0
        mine = select(TimelineEvent).where(TimelineEvent.work_order_id == work_order.id).order_by(TimelineEvent.number)
        for event in session.scalars(mine):
            assert (event.number, event.previous) == (number + 1, previous)
            assert event.hash == event_hash(event)
            previous, number = event.hash, event.number
        assert (work_order.events, work_order.head) == (number, previous)


def check_mail(root: Path, phones: Phones) -> None:
    """Check that every reporter was told of the receipt, and nobody by two different letters."""
    letters = [path.read_text() for path in root.glob("*.eml")]
    for key in phones.acknowledged:
        mine = {letter for letter in letters if f"resident-{key}@example.org" in letter}
        assert mine, f"{key} was never told"
