"""Fan-outs that failed for good are tried again, so that no event is kept from those who wait for it."""

from __future__ import annotations

import pytest
from procrastinate import PsycopgConnector
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session as SessionType

from app.config import Settings
from app.db import Session
from app.jobs import PATIENT, queue
from app.notify import tasks
from tests.aside import run_aside
from tests.make import make_report

_STATES = text("SELECT status FROM procrastinate_jobs WHERE task_name = :task ORDER BY id")


def states(session: SessionType, task: str = "notify.fan_out") -> list[str]:
    return list(session.scalars(_STATES, {"task": task}))


def fail(session: SessionType, *, attempts: int) -> None:
    session.execute(text("UPDATE procrastinate_jobs SET status = 'failed', attempts = :n"), {"n": attempts})


def test_failed_fan_outs_are_tried_again_and_no_other_job_is(shenzhen: SessionType) -> None:
    make_report(shenzhen, contact="one@example.org")
    make_report(shenzhen, contact="two@example.org")
    shenzhen.execute(text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'media.render')"))
    fail(shenzhen, attempts=9)
    count = len(states(shenzhen))

    tasks.retry(0)

    assert count >= 2
    assert states(shenzhen) == ["todo"] * count
    assert states(shenzhen, "media.render") == ["failed"]


def test_a_fan_out_that_fails_for_two_days_is_left_to_be_looked_at(shenzhen: SessionType) -> None:
    make_report(shenzhen, contact="one@example.org")
    fail(shenzhen, attempts=tasks.FAN_OUTS_MOST)

    tasks.retry(0)

    assert set(states(shenzhen)) == {"failed"}


def test_not_all_are_taken_up_at_once(shenzhen: SessionType, monkeypatch: pytest.MonkeyPatch) -> None:
    make_report(shenzhen, contact="one@example.org")
    make_report(shenzhen, contact="two@example.org")
    fail(shenzhen, attempts=9)
    monkeypatch.setattr(tasks, "FAN_OUTS_AT_ONCE", 1)

    tasks.retry(0)

    assert states(shenzhen)[0] == "todo"
    assert set(states(shenzhen)[1:]) == {"failed"}


def test_a_worker_ends_a_job_of_no_use_after_nine_tries_and_does_it_again_when_told(committed: Settings) -> None:
    """The count of tries is procrastinate's; the bound stands on it."""
    add = text(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, attempts) VALUES "
        "('of its own', 'notify.fan_out', '{\"event_id\": \"of no use\"}', :attempts)"
    )
    with Session.begin() as session:
        session.execute(add, {"attempts": PATIENT.max_attempts})
    url = make_url(committed.database_url).set(drivername="postgresql").render_as_string(hide_password=False)

    async def work() -> None:
        with queue.replace_connector(PsycopgConnector(conninfo=url)) as app:
            async with app.open_async():
                await app.run_worker_async(
                    queues=["of its own"], wait=False, install_signal_handlers=False, listen_notify=False
                )

    attempts = []
    for _ in range(2):
        run_aside(work())
        with Session.begin() as session:
            attempts.append(
                session.execute(
                    text("SELECT status, attempts FROM procrastinate_jobs WHERE queue_name = 'of its own'")
                ).one()
            )
        tasks.retry(0)

    assert [tuple(row) for row in attempts] == [("failed", 9), ("failed", 10)]
    assert attempts[0].attempts == tasks.FAN_OUTS_MOST - 24
