"""A worker whose clock is wrong rests, one that is given a queue does no other."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest
from procrastinate.connector import BaseConnector
from procrastinate.worker import Worker
from sqlalchemy import text

from app import commands, worker
from app.clock import MOST_OFF, is_right
from app.config import Settings
from app.db import Session, utcnow
from app.jobs import Queue
from app.worker import QueueLeft, Work, do_work, plan_work
from tests.aside import run_aside, until

ADD = text("INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES (:queue, :task, CAST(:args AS jsonb))")
# Jobs that do nothing for what is not there, one a queue.
NOTHING = "00000000-0000-0000-0000-000000000000"
OF_QUEUE = {
    Queue.CLOCKS: ("reports.compare_place", "photo_id"),
    Queue.TELLING: ("notify.fan_out", "event_id"),
    **dict.fromkeys((Queue.EMAIL, Queue.SMS, Queue.WECHAT, Queue.PUSH), ("notify.deliver", "delivery_id")),
    Queue.WEBHOOKS: ("notify.call", "delivery_id"),
    Queue.PHOTOS: ("media.render", "photo_id"),
    Queue.UPKEEP: ("publicmap.fold", None),
}


class Moved:
    """A clock that is moved by hand."""

    def __init__(self, off: dt.timedelta) -> None:
        self.off = off

    def __call__(self) -> dt.datetime:
        return utcnow() + self.off


def ask() -> None:
    """Let a job wait in each queue."""
    with Session.begin() as session:
        for each, (task, argument) in OF_QUEUE.items():
            args = f'{{"{argument}": "{NOTHING}"}}' if argument else "{}"
            session.execute(ADD, {"queue": each.value, "task": task, "args": args})


def done() -> set[str]:
    names = [task for task, _ in OF_QUEUE.values()]
    asked = text("SELECT queue_name FROM procrastinate_jobs WHERE status = 'succeeded' AND task_name = ANY (:names)")
    with Session() as session:
        return set(session.scalars(asked, {"names": names}))


async def while_working(work: Work, then: Callable[[], Any]) -> None:
    task = asyncio.create_task(do_work(work))
    try:
        await then()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_all_queues_are_worked_on_where_none_is_named(committed: Settings) -> None:
    ask()

    run_aside(while_working(plan_work(committed), lambda: until(lambda: done() == set(Queue))))


def test_a_worker_that_is_given_queues_does_no_others(committed: Settings) -> None:
    ask()

    async def then() -> None:
        await until(lambda: done() == {Queue.PHOTOS, Queue.TELLING})
        await asyncio.to_thread(ask)
        await until(lambda: counted() == {Queue.PHOTOS: 2, Queue.TELLING: 2})

    def counted() -> dict[str, int]:
        # Of the jobs that were asked for: periodic ones may be due.
        asked = text(
            "SELECT queue_name, count(*) FROM procrastinate_jobs "
            "WHERE status = 'succeeded' AND task_name = ANY (:names) GROUP BY 1"
        )
        with Session() as session:
            return {
                row[0]: row[1] for row in session.execute(asked, {"names": [task for task, _ in OF_QUEUE.values()]})
            }

    run_aside(while_working(plan_work(committed, [Queue.PHOTOS, Queue.TELLING]), then))


def test_where_the_work_on_a_queue_ends_by_itself_all_of_it_ends_to_be_begun_again(
    committed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Worker.run

    async def end_at_once(self: Worker) -> None:
        if self.worker_name != Queue.EMAIL:
            await run(self)  # type: ignore[no-untyped-call]  # procrastinate left it untyped

    monkeypatch.setattr(Worker, "run", end_at_once)

    with pytest.raises(QueueLeft):
        run_aside(do_work(plan_work(committed)))


def test_the_command_takes_the_queues_by_their_names() -> None:
    words = [word for each in Queue for word in ("--queue", each.value)]

    with commands.worker.make_context("worker", words) as context:
        assert context.params["queues"] == tuple(each.value for each in Queue)


def test_a_job_of_a_release_before_the_queues_is_done(committed: Settings) -> None:
    with Session.begin() as session:
        session.execute(ADD, {"queue": "default", "task": "media.render", "args": f'{{"photo_id": "{NOTHING}"}}'})

    run_aside(while_working(plan_work(committed), lambda: until(lambda: done() == {Queue.PHOTOS})))


@pytest.mark.parametrize("off", [dt.timedelta(days=10), dt.timedelta(hours=-1)])
def test_a_worker_whose_clock_is_wrong_makes_pictures_alone_until_it_is_right(
    committed: Settings, off: dt.timedelta, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "CHECK_SECONDS", 0.05)
    clock = Moved(off)
    plan = plan_work(committed)
    ask()

    def told() -> list[float]:
        return [vars(each)["seconds"] for each in caplog.records if each.name == "app.clock"]

    async def then() -> None:
        await until(lambda: done() == {Queue.PHOTOS} and len(told()) > 1)
        clock.off = dt.timedelta(0)
        await until(lambda: done() == set(Queue))
        clock.off = off
        count = len(told())
        await until(lambda: len(told()) > count + 1)
        await asyncio.to_thread(ask)
        await until(lambda: waiting(Queue.PHOTOS) == 0)

    def waiting(each: Queue) -> int:
        asked = text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = :queue")
        with Session() as session:
            return int(session.scalar(asked, {"queue": each.value}) or 0)

    with caplog.at_level(logging.ERROR):
        run_aside(while_working(Work(settings=committed, shares=plan.shares, clock=clock), then))

    assert all(waiting(each) >= 1 for each in set(Queue) - {Queue.PHOTOS})
    assert all(abs(seconds - off.total_seconds()) < MOST_OFF.total_seconds() for seconds in told())


class Answering:
    """A database by whose clock it is always the same time."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    async def execute_query_one_async(self, _: str) -> dict[str, dt.datetime]:
        return {"now": self.now}


@pytest.mark.parametrize(
    ("asked", "answered", "right"),
    [
        (0, 0, True),
        (4.9, 4.9, True),
        (5.1, 5.1, False),
        (-5.1, -5.1, False),
        (-60, 0, True),
        (-4, 60, True),
        (6, 60, False),
    ],
)
def test_a_slow_answer_is_no_wrong_clock(asked: float, answered: float, right: bool) -> None:
    now = utcnow()
    times = iter([now + dt.timedelta(seconds=asked), now + dt.timedelta(seconds=answered)])
    connector = cast("BaseConnector", Answering(now))

    async def look() -> bool:
        return await is_right(connector, lambda: next(times))

    assert run_aside(look()) is right
