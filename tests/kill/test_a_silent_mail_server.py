"""A mail server that takes every connection and says nothing: clocks, closings, the reaper, photos and SMS go on."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session as SessionType
from uuid_utils.compat import uuid7

from app.accounts.roles import Role
from app.config import Settings
from app.db import Session, utcnow
from app.jobs import Queue, write_jobs
from app.media import service as media
from app.media.models import Photo
from app.notify.lanes import enqueue_delivery
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryKind, DeliveryState
from app.publicmap.models import MapPoint
from app.workorders.lifecycle import Action
from app.workorders.models import Deadline, WorkOrder
from app.workorders.states import State
from dev.cluster import Cluster
from tests import make
from tests.kill.harness import Service
from tests.scale import short_or_long
from tests.waiting import wait_until

pytestmark = [pytest.mark.kill, pytest.mark.long]

DELIVERIES = short_or_long(60, 20_000)
SENDING = 4  # the share of the queue `email` by WORKER_CONCURRENCY's default


@pytest.fixture
def silent() -> Iterator[str]:
    """Give the address of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        taken: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        Thread(target=accept, daemon=True).start()
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for each in taken:
            each.close()


def wait_for(service: Service, met: Callable[[SessionType], object], what: str) -> None:
    def find() -> object:
        service.require_running()
        with Session() as session:
            return met(session)

    wait_until(find, what)


def queue_messages(address: str, channel: ChannelKind, count: int) -> None:
    """Let many questions wait to be sent to one address."""
    now = utcnow()
    with Session.begin() as session:
        make.confirm_contact(session, address, now=now)
        contact = session.scalars(select(Contact.id).where(Contact.channel == channel)).one()
        common = {"kind": DeliveryKind.QUESTION, "contact_id": contact, "state": DeliveryState.QUEUED}
        ids = [uuid7() for _ in range(count)]
        rows = [
            common | {"id": each, "number": number, "created_at": now, "next_at": now, "last_answer": ""}
            for number, each in enumerate(ids)
        ]
        session.execute(Delivery.__table__.insert(), rows)  # type: ignore[attr-defined]  # a declarative table
        for each in ids:
            enqueue_delivery(session, each, channel)


def open_work(session: SessionType) -> tuple[WorkOrder, WorkOrder, Photo]:
    """Open a work order that is overdue and one that silence closes, and keep a photo without its pictures."""
    past = utcnow() - dt.timedelta(days=40)
    late = make.make_work_order(session, now=past)
    quiet = make.make_report(session, lon=113.95, now=past)
    make.take(session, quiet, Role.CREW, Action.SIGN, now=past)
    make.fix(session, quiet, now=past)
    write_jobs(session)
    session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'reports.sample'"))  # it goes by chance
    fixed = session.scalars(select(WorkOrder).where(WorkOrder.state == State.FIXED)).one()
    session.execute(update(WorkOrder).where(WorkOrder.id == fixed.id).values(close_at=past))
    (accepted,) = media.accept(media.current(), [media.Upload("photo.jpg", make.make_photo("red"))])
    return late, fixed, media.record(session, accepted, now=utcnow(), claimed=True)


def lose_a_job(session: SessionType) -> int:
    """Leave a job that a dead worker had begun."""
    dead = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
    lost = text(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) "
        "VALUES (:queue, 'reports.compare_place', '{\"photo_id\": \"00000000-0000-0000-0000-000000000000\"}', "
        "'doing', :worker) RETURNING id"
    )
    worker = session.execute(text(dead)).scalar_one()
    return int(session.execute(lost, {"queue": Queue.CLOCKS.value, "worker": worker}).scalar_one())


def test_all_but_the_mail_goes_on(committed: Settings, cluster: Cluster, tmp_path: Path, silent: str) -> None:
    queue_messages("one@example.org", ChannelKind.EMAIL, DELIVERIES)
    queue_messages("+8613800000001", ChannelKind.SMS, 3)
    with Session.begin() as session:
        late, fixed, photo = open_work(session)
        job = lose_a_job(session)
    by_channel = select(func.count()).select_from(Delivery).join(Delivery.contact)
    mails = by_channel.where(Contact.channel == ChannelKind.EMAIL)
    sent_sms = by_channel.where(Contact.channel == ChannelKind.SMS, Delivery.state == DeliveryState.SENT)
    service = Service(cluster, committed, tmp_path)
    service.start("worker", SMTP_URL=silent, SMS_GATEWAY_URL="folder")
    try:
        of_late = select(func.count()).where(Deadline.work_order_id == late.id, Deadline.breached_at.is_not(None))
        wait_for(service, lambda session: session.scalar(of_late), "no clock ran")
        wait_for(
            service, lambda session: session.get_one(WorkOrder, fixed.id).state is State.CLOSED, "nothing was closed"
        )
        wait_for(service, lambda session: session.get_one(Photo, photo.id).rendered_at, "no photo was rendered")
        wait_for(service, lambda session: session.get(MapPoint, late.id), "the map was not folded")
        of_job = text(f"SELECT status FROM procrastinate_jobs WHERE id = {job}")
        wait_for(service, lambda session: session.scalar(of_job) == "succeeded", "the reaper did not run")
        wait_for(service, lambda session: session.scalar(sent_sms) == 3, "no SMS was sent")
        with Session() as session:
            sending = session.scalar(mails.where(Delivery.state == DeliveryState.SENDING))
            untried = session.scalar(mails.where(Delivery.state == DeliveryState.QUEUED, Delivery.tries == 0))
            sent = session.scalar(mails.where(Delivery.state == DeliveryState.SENT))
    finally:
        service.stop()

    assert sending in range(SENDING + 1)
    assert sent == 0
    assert untried, "all messages were tried before the clocks: let more of them wait"


def test_a_worker_of_one_queue_does_no_other(committed: Settings, cluster: Cluster, tmp_path: Path) -> None:
    with Session.begin() as session:
        late, _, photo = open_work(session)
    service = Service(cluster, committed, tmp_path)
    try:
        service.start("worker", "--queue", "photos")
        wait_for(service, lambda session: session.get_one(Photo, photo.id).masked_at, "no photo was masked")
        with Session() as session:
            missed = select(Deadline.breached_at).where(Deadline.work_order_id == late.id)
            assert set(session.scalars(missed)) == {None}
        service.start("worker 2", "--queue", "clocks", "--queue", "upkeep")
        wait_for(service, lambda session: session.get(MapPoint, late.id), "the map was not folded")
        wait_for(service, lambda session: None not in set(session.scalars(missed)), "no clock ran")
    finally:
        service.stop()
