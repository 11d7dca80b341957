"""Worker and database are killed while hundreds are told, by make test-long thousands: each of them once."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.db import Session, utcnow
from app.notify.keys import contact_digest, seal
from app.notify.models import Attempt, ChannelKind, Contact, Delivery, DeliveryState, Pace, Subscription
from app.workorders.models import WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append
from dev.cluster import Cluster
from tests.databases import fill, settings_for
from tests.kill.harness import Service, count_as_lost
from tests.make import make_work_order
from tests.scale import short_or_long
from tests.waiting import Found, wait_until

pytestmark = [pytest.mark.kill, pytest.mark.long]

DELIVERIES = short_or_long(120, 5000)
KILLS = short_or_long(4, 25)  # one in four of the database
# A kill comes when so many more were told since the last one; the last kills come while the rest goes out.
BETWEEN = DELIVERIES // (KILLS + 1)


@dataclass
class Gateway:
    """A gateway that keeps the ids: a message that it had before is refused by 409, as docs/gateway.md says."""

    port: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: bytes) -> int:
        """Send a message on, once."""
        said = json.loads(body)
        time.sleep(random.uniform(0, 0.02))
        with self.lock:
            self.asked[said["id"]] += 1
            if said["id"] in self.sent:
                return 409
            self.sent[said["id"]] += 1
        return 200


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = gateway.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield gateway
    server.shutdown()
    server.server_close()


@pytest.fixture
def service(tmp_path: Path, shared: Path, app: object) -> Iterator[Service]:  # it opens store and keys
    """Give a service over a durable database of its own; what is told is told by the test's gateway."""
    cluster = Cluster(tmp_path / "pg", durable=True)
    cluster.start()
    cluster.ensure_database("ssp_deliveries")
    settings = settings_for(cluster.url("ssp_deliveries"), cluster.url("ssp_deliveries", "ssp_owner"), tmp_path)
    fill("shenzhen", settings)
    Session.configure(bind=create_engine(settings.database_url, poolclass=NullPool))
    service = Service(cluster, settings, tmp_path)
    try:
        yield service
    finally:
        service.stop()
        cluster.stop()


def subscribe_many(work_order: WorkOrder, now: dt.datetime) -> None:
    """Let thousands of confirmed phones follow a work order."""
    with Session.begin() as session:
        for number in range(DELIVERIES):
            address = f"+8613{number:09d}"
            contact = Contact(
                channel=ChannelKind.SMS,
                digest=contact_digest("sms", address),
                address=seal(address),
                language="zh",
                created_at=now,
                given_at=now,
                confirmed_at=now,
            )
            session.add(contact)
            session.flush()
            session.add(
                Subscription(
                    contact_id=contact.id,
                    work_order_id=work_order.id,
                    after_event=work_order.events,
                    pace=Pace.EACH,
                    about={},
                    language="zh",
                    created_at=now,
                )
            )


def start_worker(service: Service, gateway: Gateway) -> None:
    address = f"http://127.0.0.1:{gateway.port}/send"
    service.start("worker", SMS_GATEWAY_URL=address, GATEWAY_SECRET="whsec_" + "c2VjcmV0" * 4)


def hurry() -> None:
    """Let what the killed left behind count as lost; trying again is due now."""
    with Session.begin() as session:
        count_as_lost(session)


def left() -> int:
    with Session() as session:
        told = session.scalars(select(func.count()).where(Delivery.state == DeliveryState.SENT)).one()
    return DELIVERIES - told


def test_none_is_lost_and_none_is_told_twice(service: Service, gateway: Gateway) -> None:
    now = utcnow()
    with Session.begin() as session:
        work_order = make_work_order(session, now=now)
        # At night phones are left in peace: this is urgent.
        work_order.urgent_at = now
        session.flush()
        session.expunge_all()
    subscribe_many(work_order, now)
    with Session.begin() as session:
        known = session.get_one(WorkOrder, work_order.id, with_for_update=True)
        event = append(session, known, EventKind.NOTE, at=now, by="crew", content={"note": "更新"})
        event_id = event.id
    start_worker(service, gateway)

    kills = Counter[str]()
    for kill in range(1, KILLS + 1):
        wait_until_told(gateway, kill * BETWEEN, kills)
        name = "database" if kill % 4 == 0 else "worker"
        service.kill(name)
        kills[name] += 1
        if not service.cluster.running:
            service.cluster.start()
        if "worker" not in service.running or service.running["worker"].poll() is not None:
            start_worker(service, gateway)
    wait_until_told(gateway, DELIVERIES, kills)
    wait_until(lambda: patiently(left) == 0, lambda: f"{left()} deliveries are told and not recorded")

    with Session() as session:
        deliveries = session.scalars(select(Delivery).where(Delivery.event_id == event_id)).all()
        tries = session.scalars(select(func.count()).select_from(Attempt)).one()
    assert len(deliveries) == DELIVERIES
    assert {delivery.state for delivery in deliveries} == {DeliveryState.SENT}
    assert set(gateway.sent) == {str(delivery.id) for delivery in deliveries}
    assert max(gateway.sent.values()) == 1
    assert kills == {"worker": KILLS - KILLS // 4, "database": KILLS // 4}
    assert tries >= DELIVERIES


def wait_until_told(gateway: Gateway, number: int, kills: Counter[str]) -> None:
    """Wait until the gateway has sent so many messages."""
    looks = itertools.count(1)

    def are_told() -> bool:
        if next(looks) % 100 == 0:  # every two seconds or so
            patiently(hurry)
        return len(gateway.sent) >= number

    wait_until(are_told, lambda: f"{len(gateway.sent)} of {DELIVERIES} were told after {kills}")


def patiently(work: Callable[[], Found]) -> Found | None:
    """Do what needs the database, which may be starting: None where it does not answer."""
    try:
        return work()
    except DBAPIError:
        return None
