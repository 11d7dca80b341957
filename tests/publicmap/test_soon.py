"""A fix by HTTP shows at once on tiles, list and feeds: web and worker as the Procfile starts them.

Five seconds are promised. The worker folds when it hears of the fix, and no cache keeps an answer for longer than the
rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
from sqlalchemy import text

from app import db
from app.accounts.roles import Role
from app.config import Settings
from app.jobs import Queue
from dev.cluster import Cluster
from tests.kill.harness import Service
from tests.make import YUEHAI, make_person, make_photo, new_key
from tests.publicmap.mvt import read_tile, tile_of
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.kill

SOON_S = 5.0
FOLDED_S, SHARED_S = 1.0, 1.0  # how long the fold may take, and how long a cache that many share keeps an answer
BOX = f"{YUEHAI[0] - 0.01},{YUEHAI[1] - 0.01},{YUEHAI[0] + 0.01},{YUEHAI[1] + 0.01}"
ATOM = "{http://www.w3.org/2005/Atom}"

Read = Callable[[bytes], str]


def of_cells(content: bytes) -> str:
    """Give the state that is counted in the cells of a tile with one work order."""
    cells = read_tile(content).get("cells", [])
    counted = [state for cell in cells for state in ("open", "fixed", "closed") for _ in range(cell[state])]
    return ",".join(counted)


def of_points(content: bytes) -> str:
    """Give the state of the work orders of a tile, and how far those are that are open."""
    found = read_tile(content).get("work_orders", [])
    return ",".join("fixed" if each["state"] == "fixed" else f"{each['state']} {each['step']}" for each in found)


def of_list(content: bytes) -> str:
    """Give the states of a list in JSON."""
    return ",".join(line["state"] for line in json.loads(content)["items"])


def of_feed(content: bytes) -> str:
    """Give the states that a feed tells of."""
    entries = ET.fromstring(content).findall(f"{ATOM}entry")  # noqa: S314  # our own
    return ",".join(str(entry.find(f"{ATOM}category").get("term")) for entry in entries)  # type: ignore[union-attr]


@dataclass
class Face:
    """One address that tells of the work order, and a client of it that keeps what it has with its tag."""

    path: str
    read: Read
    tag: str = ""
    shown: str = ""
    statuses: list[int] = field(default_factory=list)

    def look(self, address: str) -> str:
        """Ask whether it changed; give what it shows."""
        headers = {"If-None-Match": self.tag} if self.tag else {}
        answer = requests.get(f"{address}{self.path}", headers=headers, timeout=PATIENCE_S)
        self.statuses.append(answer.status_code)
        assert answer.status_code in {200, 304}, answer.text
        if answer.status_code == requests.codes.ok:
            self.tag, self.shown = answer.headers["ETag"], self.read(answer.content)
            assert _most_age(answer.headers["Cache-Control"]) <= SOON_S - FOLDED_S - SHARED_S
        return self.shown


def _most_age(control: str) -> float:
    """Read how old an answer may become in a browser that does not ask (RFC 9111, RFC 5861)."""
    said = dict(part.partition("=")[::2] for part in control.split(", "))
    return float(said["max-age"]) + float(said.get("stale-while-revalidate", 0))


def faces() -> list[Face]:
    return [
        Face(tile_of(10, *YUEHAI), of_cells),
        Face(tile_of(16, *YUEHAI), of_points),
        Face(f"/api/v1/public/work-orders?bbox={BOX}", of_list),
        Face("/api/v1/public/work-orders?item=B0121&state=open,fixed", of_list),
        Face("/feeds/areas/440305007.atom", of_feed),
        Face("/feeds/areas/440305.atom", of_feed),
        Face("/feeds/items/B0121.atom", of_feed),
    ]


@dataclass
class Town:
    """A running service with one broken street light, whose crew acts by HTTP."""

    service: Service
    token: str

    def file(self) -> str:
        """Report the light; give the number of its work order."""
        body = {"lon": YUEHAI[0], "lat": YUEHAI[1], "item": "B0121", "language": "zh", "description": "灯不亮"}
        return str(self._post("/reports", headers={"Idempotency-Key": str(new_key())}, json=body)["work_order"])

    def move(self, work_order: str, **asked: Any) -> None:
        """Take a step with it."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(new_key())}
        self._post(f"/work-orders/{work_order}/moves", headers=headers, **asked)

    def wait(self, every: list[Face], *wanted: str) -> None:
        """Wait until every face shows one of the words and none changes any more, so that each tag is of then."""

        def is_still() -> bool:
            shown = {face.look(self.service.address) for face in every}
            again = [face.look(self.service.address) and face.statuses[-1] for face in every]
            return shown <= set(wanted) and set(again) == {304}

        wait_until(is_still, lambda: [(face.path, face.shown) for face in every])

    def _post(self, path: str, **asked: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.service.address}/api/v1{path}", timeout=PATIENCE_S, **asked)
        assert answer.ok, answer.text
        return dict(answer.json())


def stop_the_fold_of_the_minute() -> None:
    """Let one of the periodic jobs wait for a day: procrastinate adds no other of the same lock meanwhile."""
    waiting = text(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, scheduled_at) "
        "VALUES (:queue, CAST(:task AS text), CAST(:task AS text), now() + interval '1 day')"
    )
    with db.Session.begin() as session:
        session.execute(waiting, {"queue": Queue.UPKEEP.value, "task": "publicmap.keep_up"})


@pytest.fixture
def town(committed: Settings, cluster: Cluster, tmp_path: Path) -> Iterator[Town]:
    service = Service(cluster, committed, tmp_path)
    with db.Session.begin() as session:
        _, token = make_person(session, Role.CREW)
    stop_the_fold_of_the_minute()
    try:
        service.start("web")
        service.start("worker")
        service.wait_until_alive()
        yield Town(service, token)
    finally:
        service.stop()


def fix(town: Town, work_order: str) -> None:
    photos = {"photos": ("after.jpg", make_photo("green"), "image/jpeg")}
    town.move(work_order, data={"action": "fix", "note": "换了灯泡"}, files=photos)


def test_a_fix_shows_on_tiles_list_and_feeds_without_the_fold_of_the_minute(town: Town) -> None:
    every, work_order = faces(), town.file()
    town.move(work_order, json={"action": "sign"})
    town.wait(every, "open", "open in_progress")
    tags = {face.path: face.tag for face in every}

    fix(town, work_order)
    town.wait(every, "fixed")

    assert all(face.tag != tags[face.path] for face in every)


def test_without_a_worker_nothing_of_it_shows(town: Town) -> None:
    every, work_order = faces(), town.file()
    town.move(work_order, json={"action": "sign"})
    town.wait(every, "open", "open in_progress")
    town.service.kill("worker")

    fix(town, work_order)
    shown = {face.look(town.service.address) for face in every}

    assert shown <= {"open", "open in_progress"}
    town.service.start("worker")
    town.wait(every, "fixed")
