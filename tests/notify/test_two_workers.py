"""Several workers at one delivery, in a database in which they commit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from app.db import Session
from app.notify import deliveries, tasks
from app.notify.keys import Keys
from app.notify.models import Delivery, DeliveryState
from app.workorders.models import EventKind, TimelineEvent
from tests import make
from tests.notify.conftest import Server

WORKERS = 8


@pytest.mark.usefixtures("committed")
def test_eight_workers_fan_out_and_send_one_mail(server: Server, by_smtp: Callable[[str], Keys]) -> None:
    by_smtp(server.url)
    with Session.begin() as session:
        make.make_report(session, contact="one@example.org")
    with Session() as session:
        event = session.scalars(select(TimelineEvent.id).where(TimelineEvent.kind == EventKind.RECEIVED)).one()

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(lambda _: tasks.fan_out(event_id=str(event)), range(WORKERS)))
        with Session() as session:
            delivery = session.scalars(select(Delivery)).one()
        list(workers.map(lambda _: tasks.deliver(delivery_id=str(delivery.id)), range(WORKERS)))

    with Session() as session:
        sent = session.get_one(Delivery, delivery.id)
    assert len(server.mails) == 1
    assert (sent.state, sent.tries) == (DeliveryState.SENT, 1)


@pytest.mark.usefixtures("committed", "post_settings")
def test_a_delivery_that_another_transaction_holds_is_left_to_it() -> None:
    with Session.begin() as session:
        make.make_report(session, contact="one@example.org")
    with Session() as session:
        event = session.scalars(select(TimelineEvent.id).where(TimelineEvent.kind == EventKind.RECEIVED)).one()
    tasks.fan_out(event_id=str(event))

    with Session.begin() as holder, Session.begin() as other:
        delivery_id = holder.scalars(select(Delivery.id).with_for_update()).one()
        taken = deliveries.take(other, delivery_id, now=make.NOW)

    assert taken is None
