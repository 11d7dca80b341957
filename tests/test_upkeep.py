from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from procrastinate import PsycopgConnector
from sqlalchemy import make_url, text

from app import upkeep
from app.config import Settings
from app.db import Session, utcnow
from app.failed_jobs import MOST_CRASHES, Outcome, list_failed, start_stalled
from app.jobs import queue
from app.setbacks import Setback
from app.worker import note_errors
from tests.aside import run_aside

DEAD = text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '5 minutes') RETURNING id")
ALIVE = text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()) RETURNING id")
JOB = text(
    "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id, queueing_lock) "
    "VALUES ('of its own', :task, CAST(:status AS procrastinate_job_status), :worker, :lock) RETURNING id"
)
TAKE = text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker WHERE id = :id")


def add_job(task: str, status: str, *, worker: int | None = None, lock: str | None = None) -> int:
    values = {"task": task, "status": status, "worker": worker, "lock": lock}
    with Session.begin() as session:
        return int(session.execute(JOB, values).scalar_one())


def states() -> dict[int, str]:
    with Session.begin() as session:
        rows = session.execute(text("SELECT id, status FROM procrastinate_jobs"))
        return {row.id: row.status for row in rows}


def worker_of(kind: Any = DEAD) -> int:
    with Session.begin() as session:
        return int(session.execute(kind).scalar_one())


def let_its_worker_die(job: int) -> None:
    """Let a worker take a job up and die."""
    worker = worker_of()
    with Session.begin() as session:
        session.execute(TAKE, {"id": job, "worker": worker})
    upkeep.reap(timestamp=0)


@pytest.mark.usefixtures("committed")
def test_a_stalled_job_whose_twin_waits_is_ended_and_the_others_go_on() -> None:
    worker = worker_of()
    stalled = add_job("media.sweep", "doing", worker=worker, lock="media.sweep")
    twin = add_job("media.sweep", "todo", lock="media.sweep")
    others = [add_job("media.render", "doing", worker=worker) for _ in range(3)]

    upkeep.reap(timestamp=0)

    assert states() == {stalled: "aborted", twin: "todo"} | dict.fromkeys(others, "todo")


@pytest.mark.usefixtures("committed")
def test_a_job_of_a_living_worker_is_left_alone() -> None:
    job = add_job("media.render", "doing", worker=worker_of(ALIVE))

    upkeep.reap(timestamp=0)

    assert states() == {job: "doing"}


@pytest.mark.usefixtures("committed")
def test_of_two_reapers_at_once_one_starts_a_job_again_and_counts_it() -> None:
    add_job("media.render", "doing", worker=worker_of())

    with Session.begin() as first, Session.begin() as second:
        outcomes = start_stalled(first, now=utcnow()), start_stalled(second, now=utcnow())

    assert outcomes == ([Outcome.STARTED_AGAIN], [])


@pytest.mark.usefixtures("committed")
def test_a_job_that_ends_its_worker_is_parked_after_three_more_tries_and_told(caplog: pytest.LogCaptureFixture) -> None:
    killer = add_job("media.render", "todo")
    before = []

    with caplog.at_level(logging.ERROR):
        for _ in range(MOST_CRASHES):
            let_its_worker_die(killer)
            before.append(states()[killer])
        told = list(caplog.records)
        let_its_worker_die(killer)

    assert before == ["todo"] * MOST_CRASHES
    assert told == []
    assert states() == {killer: "failed"}
    assert [vars(record)["outcome"] for record in caplog.records] == [Outcome.PARKED]
    with Session() as session:
        (parked,) = list_failed(session)
    assert (parked.id, parked.crashes, parked.cause) == (killer, MOST_CRASHES + 1, "its worker died")


@pytest.mark.usefixtures("committed")
def test_jobs_that_lost_two_workers_are_started_apart_from_each_other() -> None:
    jobs = [add_job("media.render", "todo") for _ in range(3)]
    for _ in range(2):
        worker = worker_of()
        with Session.begin() as session:
            for job in jobs:
                session.execute(TAKE, {"id": job, "worker": worker})
        upkeep.reap(timestamp=0)

    with Session() as session:
        times = session.scalars(text("SELECT scheduled_at FROM procrastinate_jobs ORDER BY id")).all()

    assert [(later - times[0]).total_seconds() // 30 for later in times] == [0, 1, 2]


@pytest.mark.usefixtures("committed")
def test_the_past_of_a_job_that_was_done_at_last_is_forgotten() -> None:
    job = add_job("media.render", "todo")
    let_its_worker_die(job)
    with Session.begin() as session:
        noted = session.query(Setback).count()
        session.execute(text("UPDATE procrastinate_jobs SET status = 'succeeded'"))

    upkeep.reap(timestamp=0)

    with Session() as session:
        assert (noted, session.query(Setback).count()) == (1, 0)


def fail(settings: Settings, job: int) -> None:
    """Let a worker do what is in the queue; the job has arguments of no use."""
    url = make_url(settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with Session.begin() as session:
        bad = text('UPDATE procrastinate_jobs SET args = \'{"photo_id": "of no use"}\', attempts = 8 WHERE id = :id')
        session.execute(bad, {"id": job})

    async def work() -> None:
        with queue.replace_connector(PsycopgConnector(conninfo=url)) as app:
            async with app.open_async():
                await app.run_worker_async(
                    queues=["of its own"],
                    wait=False,
                    install_signal_handlers=False,
                    listen_notify=False,
                    worker_middleware=[note_errors],
                )

    run_aside(work())


def test_an_operator_sees_why_jobs_failed_and_retries_or_discards_them(committed: Settings, app: Flask) -> None:
    one, other = add_job("media.render", "todo"), add_job("media.mask", "failed")
    fail(committed, one)
    flask = app.test_cli_runner()

    listed = flask.invoke(args=["jobs", "list"]).output
    discarded = flask.invoke(args=["jobs", "discard", str(other)]).output
    retried = flask.invoke(args=["jobs", "retry", "--task", "media.render"]).output

    assert listed.splitlines()[0].startswith(f"{other}  media.mask")
    assert "cause not known" in listed.splitlines()[1]
    assert f'{one}  media.render  {{"photo_id": "of no use"}}  of its own' in listed
    assert "ValueError: badly formed hexadecimal UUID string" in listed
    assert (discarded, retried) == ("1 removed.\n", "1 started again.\n")
    left = states()
    assert (left[one], other in left) == ("todo", False)
    assert flask.invoke(args=["jobs", "list"]).output == ""


@pytest.mark.usefixtures("committed")
def test_of_failed_twins_the_newest_is_started_again(app: Flask) -> None:
    first, last = (add_job("media.sweep", "failed", lock="media.sweep") for _ in range(2))

    app.test_cli_runner().invoke(args=["jobs", "retry", "--task", "media.sweep"])
    with Session.begin() as session:
        session.execute(text("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = :id"), {"id": last})
    again = app.test_cli_runner().invoke(args=["jobs", "retry", str(first)]).output

    assert states() == {first: "failed", last: "todo"}
    assert again == "0 started again.\n"
