"""Jobs belong to their transaction, have a queue of their own, and are written in one statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from procrastinate.jobs import DEFAULT_QUEUE
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as SessionType

from app.accounts.roles import Role
from app.db import Session
from app.jobs import Queue, adopt_jobs, enqueue, queue
from app.notify import webhooks
from app.notify.webhook_models import Webhook
from app.workorders.states import EventKind
from app.workorders.timeline import append
from tests import make
from tests.make import NOW

WRITING = "procrastinate_defer_jobs"


def ours() -> dict[str, Any]:
    queue.perform_import_paths()  # type: ignore[no-untyped-call]  # procrastinate left it untyped
    return {name: task for name, task in queue.tasks.items() if task.func.__module__.startswith("app.")}


def waiting(session: SessionType) -> list[str]:
    rows = session.execute(text("SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"))
    return [f"{row.task_name} {row.args.get('photo_id', '')}".strip() for row in rows]


@contextmanager
def statements(bind: Engine) -> Iterator[list[str]]:
    """Give what is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_: Any, __: Any, said: str, *___: Any) -> None:
        asked.append(said)

    event.listen(bind, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(bind, "before_cursor_execute", note)


def engine() -> Engine:
    bind = Session.kw["bind"]
    assert isinstance(bind, Engine)
    return bind


def test_every_task_declares_one_of_the_queues() -> None:
    assert {name: task.queue for name, task in ours().items() if not isinstance(task.queue, Queue)} == {}


def test_every_periodic_task_may_wait_once_and_no_other_lock_is_taken_by_who_enqueues() -> None:
    locks = {name: task.queueing_lock for name, task in ours().items() if task.queueing_lock}
    periodic = {each.task.name for each in queue.periodic_registry.periodic_tasks.values()}

    assert locks == {name: name for name in periodic}


@pytest.mark.usefixtures("committed")
def test_the_jobs_of_a_transaction_are_written_in_one_statement() -> None:
    with statements(engine()) as asked, Session.begin() as session:
        for number in range(5):
            enqueue(session, "media.render", photo_id=str(number))

    assert [each for each in asked if WRITING in each] == [each for each in asked if WRITING in each][:1]
    with Session() as session:
        assert waiting(session) == [f"media.render {number}" for number in range(5)]
        queues = session.scalars(text("SELECT DISTINCT queue_name FROM procrastinate_jobs")).all()
    assert queues == [Queue.PHOTOS]


@pytest.mark.usefixtures("committed")
def test_a_rollback_drops_jobs_and_what_comes_after_it_in_the_same_session_is_written() -> None:
    with Session() as session:
        enqueue(session, "media.render", photo_id="dropped")
        session.rollback()
        enqueue(session, "media.render", photo_id="kept")
        session.commit()
        enqueue(session, "media.render", photo_id="closed")

    with Session() as session:
        assert waiting(session) == ["media.render kept"]


@pytest.mark.usefixtures("committed")
def test_jobs_go_with_the_savepoint_that_they_were_asked_for_in() -> None:
    def ask(name: str) -> None:
        enqueue(session, "media.render", photo_id=name)

    with Session.begin() as session:
        ask("before")
        with session.begin_nested():
            ask("released")
            with session.begin_nested():
                ask("inner released")
        with session.begin_nested() as rolled_back:
            ask("rolled back")
            with session.begin_nested():
                ask("released within what is rolled back")
            rolled_back.rollback()
        with session.begin_nested() as savepoint:
            with session.begin_nested() as inner:
                ask("inner rolled back")
                inner.rollback()
            ask("outer released")
            savepoint.commit()
        ask("after")

    with Session() as session:
        names = [each.removeprefix("media.render ") for each in waiting(session)]
    assert names == ["before", "released", "inner released", "outer released", "after"]


@pytest.mark.usefixtures("committed")
def test_a_savepoint_whose_flush_fails_takes_its_jobs_along() -> None:
    with Session.begin() as session:
        enqueue(session, "media.render", photo_id="kept")
        with suppress(IntegrityError), session.begin_nested():
            enqueue(session, "media.render", photo_id="dropped")
            session.add(Webhook(id=uuid4()))

    with Session() as session:
        assert waiting(session) == ["media.render kept"]


def test_a_task_that_there_is_not_and_arguments_that_it_does_not_take_are_refused(session: SessionType) -> None:
    with pytest.raises(KeyError):
        enqueue(session, "media.rendre", photo_id="1")
    with pytest.raises(TypeError):
        enqueue(session, "media.render", photo="1")

    assert waiting(session) == []


def test_jobs_in_queues_of_earlier_releases_move_to_that_of_their_task(session: SessionType) -> None:
    add = text(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
        "VALUES (:queue, :task, CAST(:status AS procrastinate_job_status))"
    )
    for task, status in (("media.render", "todo"), ("notify.deliver", "todo"), ("media.mask", "succeeded")):
        session.execute(add, {"queue": DEFAULT_QUEUE, "task": task, "status": status})
    session.execute(add, {"queue": "sending", "task": "notify.call", "status": "todo"})
    session.execute(add, {"queue": DEFAULT_QUEUE, "task": "gone.for_good", "status": "todo"})

    moved = adopt_jobs(session)

    found = session.execute(text("SELECT task_name, queue_name FROM procrastinate_jobs"))
    assert moved == 3
    assert {row.task_name: row.queue_name for row in found} == {
        "media.render": Queue.PHOTOS,
        "notify.deliver": Queue.EMAIL,
        "notify.call": Queue.WEBHOOKS,
        "media.mask": DEFAULT_QUEUE,
        "gone.for_good": DEFAULT_QUEUE,
    }


def test_filing_without_a_contact_writes_no_job(shenzhen: SessionType) -> None:
    make.make_report(shenzhen)

    assert waiting(shenzhen) == []


def test_filing_with_a_contact_writes_one_job_that_tells(shenzhen: SessionType) -> None:
    make.make_report(shenzhen, contact="one@example.org")

    assert waiting(shenzhen) == ["notify.fan_out"]


def test_a_webhook_hears_of_every_public_line_and_of_no_other(shenzhen: SessionType) -> None:
    person, _ = make.make_person(shenzhen, role=Role.ADMIN)
    about: dict[str, Any] = {"url": "https://hooks.example.org/", "label": "made up"}
    webhooks.create_webhook(shenzhen, **about, kinds=[], areas=[], items=[], by=person, now=NOW)
    work_order = make.make_work_order(shenzhen)
    before = len(waiting(shenzhen))

    append(shenzhen, work_order, EventKind.NOTE, at=NOW, by="crew", content={}, public=False)
    private = len(waiting(shenzhen))
    append(shenzhen, work_order, EventKind.NOTE, at=NOW, by="crew", content={})

    assert (before, private, len(waiting(shenzhen))) == (2, 2, 3)


def test_who_subscribes_in_the_transaction_of_a_line_after_it_is_told_of_it(shenzhen: SessionType) -> None:
    """Filing writes the first line before the subscription."""
    make.make_report(shenzhen, contact="one@example.org")
    kinds = shenzhen.scalars(
        text(
            "SELECT e.kind FROM procrastinate_jobs j JOIN timeline_events e ON e.id::text = j.args->>'event_id' "
            "WHERE j.task_name = 'notify.fan_out'"
        )
    ).all()

    assert kinds == ["received"]
