"""How a worker reaches its queues: a frozen server is left, the end of a job is written however often that fails."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.sql import queries
from sqlalchemy import text

from app import listening, queue_database, worker
from app.config import Settings
from app.conninfo import conninfo
from app.db import Session, utcnow
from app.jobs import Queue
from app.listening import notifications
from app.queue_database import DeadlineConnector, Manager
from app.worker import plan_work
from dev.cluster import Cluster
from tests.aside import run_aside, until
from tests.frozen import frozen
from tests.test_worker import ADD, NOTHING, while_working

ONE = "SELECT 1 AS one"
TEN_DAYS = dt.timedelta(days=10)
STATE = text(
    "SELECT status, attempts, scheduled_at - clock_timestamp() FROM procrastinate_jobs WHERE task_name = :name"
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster that no other test uses."""
    cluster = Cluster(tmp_path_factory.mktemp("frozen-queue") / "pg", durable=False)
    cluster.start()
    cluster.ensure_database("ssp_frozen_queue")
    yield cluster
    cluster.destroy()


def ask(name: str, argument: str, of: Queue) -> None:
    with Session.begin() as session:
        session.execute(ADD, {"queue": of.value, "task": name, "args": f'{{"{argument}": "{NOTHING}"}}'})


def state(name: str) -> Any:
    with Session() as session:
        return session.execute(STATE, {"name": name}).one()


@pytest.mark.alone
def test_a_statement_ends_where_the_server_is_frozen_and_the_next_one_works(own: Cluster) -> None:
    reached = conninfo(own.url("ssp_frozen_queue"))

    async def work() -> dict[str, Any]:
        connector = DeadlineConnector(reached, max_size=4, deadline=0.5)
        await connector.open_async()
        try:
            await connector.execute_query_one_async(ONE)
            with frozen(own), pytest.raises(ConnectorException, match="did not answer"):
                await connector.execute_query_one_async(ONE)
            connector._deadline = 60
            return await connector.execute_query_one_async(ONE)
        finally:
            await connector.close_async()

    assert run_aside(work()) == {"one": 1}


@pytest.mark.alone
def test_whoever_listens_to_a_frozen_server_notices(own: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "QUIET_SECONDS", 0.2)
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 0.5)
    reached = conninfo(own.url("ssp_frozen_queue"))

    async def work() -> str:
        connection = await psycopg.AsyncConnection.connect(reached, autocommit=True)
        async with connection, await psycopg.AsyncConnection.connect(reached, autocommit=True) as other:
            await connection.execute("LISTEN here")
            heard = notifications(connection)
            later = asyncio.ensure_future(anext(heard))
            await asyncio.sleep(1)  # several signs of life lie between
            await other.execute("NOTIFY here, 'one'")
            first = (await later).payload
            with frozen(own), pytest.raises(TimeoutError):
                await anext(heard)
            return first

    assert run_aside(work()) == "one"


def test_the_end_of_a_job_is_written_when_the_database_takes_it_again(
    committed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    class Flaky(DeadlineConnector):
        async def execute_query_async(self, query: Any, **arguments: Any) -> None:
            if query == queries["finish_job"] and len(refused) < 3:
                refused.append(query)
                raise ConnectorException from psycopg.OperationalError("the connection was cut")
            await super().execute_query_async(query, **arguments)

    monkeypatch.setattr(queue_database, "PAUSES_SECONDS", (0.01,) * 3)
    monkeypatch.setattr(worker, "DeadlineConnector", Flaky)
    ask("notify.deliver", "delivery_id", Queue.EMAIL)

    async def ended() -> None:
        await until(lambda: state("notify.deliver").status == "succeeded")

    run_aside(while_working(plan_work(committed, [Queue.EMAIL]), ended))

    assert len(refused) == 3


def test_a_job_that_a_newer_release_knows_waits_for_its_worker(committed: Settings) -> None:
    ask("next.release", "id", Queue.TELLING)

    async def tried() -> None:
        await until(lambda: state("next.release").attempts == 1 and state("next.release").status != "doing")

    run_aside(while_working(plan_work(committed, [Queue.TELLING]), tried))

    status, _, later = state("next.release")
    assert status == "todo"
    assert dt.timedelta(0) < later <= dt.timedelta(minutes=1)


def test_a_retry_is_timed_by_the_clock_of_the_database(committed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("media.render", "photo_id", Queue.PHOTOS)
    monkeypatch.setattr(queue_database, "utcnow", lambda: utcnow() + TEN_DAYS)

    async def work() -> None:
        connector = DeadlineConnector(plan_work(committed).conninfo, max_size=4)
        await connector.open_async()
        try:
            manager = Manager(connector)
            job = await manager.fetch_job(queues=[Queue.PHOTOS.value], worker_id=await manager.register_worker())
            assert isinstance(job, Job)
            await manager.retry_job(job, retry_at=utcnow() + TEN_DAYS + dt.timedelta(seconds=50))
        finally:
            await connector.close_async()

    run_aside(work())

    assert dt.timedelta(0) < state("media.render")[2] <= dt.timedelta(minutes=1)


STUCK = """
import asyncio, sys, time
from unittest.mock import Mock
from app import worker

async def thread():
    await asyncio.shield(asyncio.to_thread(time.sleep, 3600))

async def stuck():
    print("begun", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await thread()

async def left():
    await asyncio.sleep(0.1)
    if sys.argv[1] == "left":
        raise worker.QueueLeft("nothing works on a queue any more")
    await asyncio.Event().wait()

async def begin(work, before):
    await worker._together([stuck(), left()])

worker.END_SECONDS = 0.2
worker._begin = begin
worker.run_worker(Mock(threads=1), before=print)
"""


@contextmanager
def stuck(how: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker with a job that does not end; give the process once the job was begun."""
    command = [sys.executable, "-c", STUCK, how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_worker_that_is_told_to_end_does_not_wait_for_ever_for_a_job() -> None:
    with stuck("told") as process:
        process.terminate()

        assert process.wait(60) == 0


def test_a_worker_that_lost_a_queue_starts_itself_anew_where_a_job_of_another_does_not_end() -> None:
    with stuck("left") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert process.poll() is None
