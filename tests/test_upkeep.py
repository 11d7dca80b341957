from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from procrastinate import JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from sqlalchemy import make_url, text

from app import upkeep
from app.config import Settings
from app.db import Session
from app.jobs import queue
from tests.aside import run_aside

DEAD = text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '5 minutes') RETURNING id")
JOB = text(
    "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id, queueing_lock, attempts) "
    "VALUES ('default', :task, :status, :worker, :lock, :attempts) RETURNING id"
)


def add_job(task: str, status: str, *, worker: int | None = None, lock: str | None = None, attempts: int = 0) -> int:
    values = {"task": task, "status": status, "worker": worker, "lock": lock, "attempts": attempts}
    with Session.begin() as session:
        return int(session.execute(JOB, values).scalar_one())


def states() -> dict[int, str]:
    with Session.begin() as session:
        rows = session.execute(text("SELECT id, status FROM procrastinate_jobs"))
        return {row.id: row.status for row in rows}


def dead_worker() -> int:
    with Session.begin() as session:
        return int(session.execute(DEAD).scalar_one())


async def reap(app: Any) -> None:
    await upkeep.reap.func(cast("JobContext", SimpleNamespace(app=app)), 0)


def run(settings: Settings) -> None:
    """Run the periodic job as a worker does, over the database of the test."""
    url = make_url(settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)

    async def work() -> None:
        with queue.replace_connector(PsycopgConnector(conninfo=url)) as app:
            async with app.open_async():
                await reap(app)

    run_aside(work())


def test_a_stalled_job_whose_twin_waits_is_ended_and_the_others_go_on(committed: Settings) -> None:
    worker = dead_worker()
    stalled = add_job("media.sweep", "doing", worker=worker, lock="media.sweep")
    twin = add_job("media.sweep", "todo", lock="media.sweep")
    others = [add_job("media.render", "doing", worker=worker) for _ in range(3)]

    run(committed)

    assert states() == {stalled: "aborted", twin: "todo"} | dict.fromkeys(others, "todo")


def test_a_job_of_a_living_worker_is_left_alone(committed: Settings) -> None:
    with Session.begin() as session:
        alive = session.execute(
            text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()) RETURNING id")
        ).scalar_one()
    job = add_job("media.render", "doing", worker=alive)

    run(committed)

    assert states() == {job: "doing"}


def test_a_job_that_was_ended_meanwhile_does_not_stop_the_others() -> None:
    taken: list[int] = []

    class Jobs:
        """A queue in which the first of two stalled jobs is ended between the reading and the writing."""

        async def get_stalled_jobs(self) -> list[Job]:
            return [Job(id=number, queue="q", task_name="t", lock=None, queueing_lock=None) for number in (1, 2)]

        async def retry_job(self, job: Job) -> None:
            if job.id == 1:
                raise ConnectorException
            taken.append(job.id or 0)

    run_aside(reap(SimpleNamespace(job_manager=Jobs())))

    assert taken == [2]
