"""Jobs of telling people: fan out an event, send a delivery, take up what lies still, forget addresses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session as SessionType

from app.catalogue.city import current_city
from app.db import Session, utcnow
from app.jobs import PATIENT, Queue, needed_when, queue, retry_failed
from app.notify import deliveries, service, webhook_calls
from app.notify.keys import current
from app.notify.service.contacts import FORGOTTEN_AT_ONCE
from app.notify.service.letters import WRITTEN_AT_ONCE as LETTERS_AT_ONCE
from app.notify.service.letters import write_letters

log = logging.getLogger(__name__)

FAN_OUTS_MOST = 9 + 24  # PATIENT gives up after nine; then once an hour for a day
FAN_OUTS_AT_ONCE = 500


@queue.task(name="notify.fan_out", queue=Queue.TELLING, retry=PATIENT)
def fan_out(event_id: str) -> None:
    """Queue the deliveries of an event, and the calls of webhooks."""
    with Session.begin() as session:
        new = service.fan_out(session, UUID(event_id), now=utcnow())
        calls = webhook_calls.queue_event(session, UUID(event_id), now=utcnow())
    log.info("event fanned out", extra={"event": event_id, "deliveries": new, "calls": calls})


@needed_when("notify.fan_out")
def has_listeners(session: SessionType, asked: Sequence[Mapping[str, Any]]) -> list[int]:
    """Enqueue no fan-out of a line that nobody hears of."""
    events = [UUID(each["event_id"]) for each in asked]
    heard = service.events_with_listeners(session, events)
    return [index for index, event_id in enumerate(events) if event_id in heard]


@queue.task(name="notify.deliver", queue=Queue.EMAIL, retry=PATIENT)  # others: lanes.enqueue_delivery
def deliver(delivery_id: str) -> None:
    """Try a delivery once. A later try is a job of its own; PATIENT is for a database that is away."""
    with Session.begin() as session:
        parcel = deliveries.take(session, UUID(delivery_id), now=utcnow())
    if parcel is None:
        return
    outcome = deliveries.hand_over(parcel)
    with Session.begin() as session:
        deliveries.record(session, parcel, outcome, now=utcnow())
    log.info("delivery tried", extra={"delivery": delivery_id, "try": parcel.number, "result": outcome.result.value})


@queue.task(name="notify.call", queue=Queue.WEBHOOKS, retry=PATIENT)
def call(delivery_id: str) -> None:
    """Try a call of a webhook once. A later try is a job of its own."""
    with Session.begin() as session:
        taken = webhook_calls.take(session, UUID(delivery_id), now=utcnow())
    if taken is None:
        return
    outcome = webhook_calls.hand_over(taken, now=utcnow())
    with Session.begin() as session:
        webhook_calls.record(session, taken, outcome, now=utcnow())
    log.info("webhook called", extra={"delivery": delivery_id, "try": taken.number, "result": outcome.result.value})


@queue.periodic(cron="* * * * *")
@queue.task(name="notify.recover", queue=Queue.CLOCKS, queueing_lock="notify.recover")
def recover(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Take up the deliveries of dead workers."""
    with Session.begin() as session:
        taken = deliveries.recover(session, now=utcnow()) + webhook_calls.recover(session, now=utcnow())
    if taken:
        log.warning("deliveries taken up again", extra={"deliveries": taken})


@queue.periodic(cron="27 * * * *")
@queue.task(name="notify.retry", queue=Queue.CLOCKS, queueing_lock="notify.retry")
def retry(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Try the fan-outs again that failed for good: without their deliveries nobody would ever hear of the event."""
    with Session.begin() as session:
        again = retry_failed(session, "notify.fan_out", most=FAN_OUTS_MOST, limit=FAN_OUTS_AT_ONCE)
    if again:
        log.warning("events taken up again", extra={"events": again})


@queue.periodic(cron="*/10 * * * *")
@queue.task(name="notify.letters", queue=Queue.TELLING, queueing_lock="notify.letters")
def letters(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Write the letters of this morning to those who follow an area or an item."""
    written = LETTERS_AT_ONCE
    while written == LETTERS_AT_ONCE:
        with Session.begin() as session:
            written = write_letters(session, city=current_city(session), now=utcnow())


@queue.periodic(cron="17 3 * * *")
@queue.task(name="notify.forget", queue=Queue.UPKEEP, queueing_lock="notify.forget")
def forget(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Erase the addresses that are not needed any more."""
    days = current().settings.contact_days
    _repeat("addresses erased", lambda session: service.forget(session, now=utcnow(), days=days))


@queue.periodic(cron="22 3 * * *")
@queue.task(name="notify.give_up", queue=Queue.UPKEEP, queueing_lock="notify.give_up")
def give_up(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Give up the messages to addresses that nobody confirmed."""
    _repeat("messages given up", lambda session: service.give_up_unconfirmed(session, now=utcnow()))


@queue.periodic(cron="27 3 * * *")
@queue.task(name="notify.forget_calls", queue=Queue.UPKEEP, queueing_lock="notify.forget_calls")
def forget_calls(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Remove the record of old calls of webhooks."""
    with Session.begin() as session:
        calls = webhook_calls.forget(session, now=utcnow())
    log.info("calls removed", extra={"calls": calls})


def _repeat(done: str, act: Callable[[SessionType], int]) -> None:
    """Do a batch after the other, each in a transaction of its own, until one has nothing left to do."""
    count = 0
    while True:
        with Session.begin() as session:
            some = act(session)
        count += some
        if some < FORGOTTEN_AT_ONCE:
            break
    log.info(done, extra={"count": count})
