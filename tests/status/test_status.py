"""/statusz and `flask status`: each thing that a person must look at is an alarm with a name."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app import db
from app.config import Settings
from app.failed_jobs import note_error
from app.jobs import enqueue, write_jobs
from app.notify.service import holding
from app.setbacks import put_off
from app.status.cli import status_command
from app.status.queries import Worker
from app.status.service import GIGABYTE, Room, Status, Store
from tests.make import make_report

QUESTION = text("""
    INSERT INTO deliveries (id, kind, contact_id, number, state, tries, copies, created_at, last_answer)
    SELECT gen_random_uuid(), 'question', id, 99, 'queued', 0, 0, now(), '' FROM contacts
""")
IDLE = Status([Worker(1, 2.0, 0)], [], clocks_overdue=0, deliveries_overdue=0, room=None)


@pytest.fixture
def beating(shenzhen: Session) -> Session:
    """Give a session over a city whose worker is alive."""
    shenzhen.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())"))
    return shenzhen


@pytest.fixture
def nowhere(app: Flask, committed: Settings) -> Iterator[None]:
    """Have the application ask a database that is not there."""
    engine = db.connect(replace(committed, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"))
    yield
    engine.dispose()


def alarms(client: FlaskClient) -> list[str]:
    answer = client.get("/statusz")
    names = [alarm["name"] for alarm in answer.get_json()["alarms"]]
    assert answer.status_code == (503 if names else 200)
    assert answer.get_json()["status"] == ("alarm" if names else "ok")
    return names


def age(session: Session, what: str) -> None:
    """Have what happened to the jobs happen an hour earlier."""
    session.execute(text(f"UPDATE procrastinate_events SET at = at - interval '1 hour' WHERE type = '{what}'"))


def test_all_is_well_while_a_worker_beats_and_nothing_waits(client: FlaskClient, beating: Session) -> None:
    assert alarms(client) == []
    assert client.get("/statusz").get_json()["workers"][0]["doing"] == 0


def test_no_worker_is_an_alarm_and_web_is_ready_all_the_same(client: FlaskClient) -> None:
    assert alarms(client) == ["workers"]
    assert client.get("/readyz").status_code == 200


def test_a_worker_without_a_heartbeat_is_none(client: FlaskClient, beating: Session) -> None:
    beating.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'"))

    assert alarms(client) == ["workers"]


def test_a_job_that_waits_for_long_is_an_alarm_of_its_queue(client: FlaskClient, beating: Session) -> None:
    enqueue(beating, "publicmap.fold")
    write_jobs(beating)
    fresh = alarms(client)
    age(beating, "deferred")

    assert fresh == []
    assert alarms(client) == ["queue-late:upkeep"]
    assert client.get("/statusz").get_json()["queues"][0] | {"oldest_s": 0} == {
        "name": "upkeep",
        "waiting": 1,
        "oldest_s": 0,
        "doing": 0,
        "failed": 0,
        "failed_today": 0,
        "heartbeat_s": None,
    }


def test_a_job_for_later_does_not_wait(client: FlaskClient, beating: Session) -> None:
    enqueue(beating, "publicmap.fold", at=db.utcnow().replace(year=2100))
    write_jobs(beating)
    age(beating, "deferred")

    assert alarms(client) == []


def test_a_job_that_failed_for_good_is_an_alarm_for_a_day(client: FlaskClient, beating: Session) -> None:
    enqueue(beating, "publicmap.fold")
    beating.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    beating.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    today = alarms(client)
    beating.execute(text("UPDATE procrastinate_events SET at = at - interval '25 hours'"))

    assert today == ["jobs-failed:upkeep"]
    assert alarms(client) == []


def test_rows_that_fail_are_an_alarm_of_their_job_and_errors_of_jobs_are_not(
    client: FlaskClient, beating: Session
) -> None:
    for key in ("one", "two"):
        put_off(beating, "reports.close_silent", key, "LookupError", now=db.utcnow())
    note_error(beating, 4711, LookupError(), now=db.utcnow())

    assert alarms(client) == ["rows-failing:reports.close_silent"]
    assert client.get("/statusz").get_json()["failing"] == [{"kind": "reports.close_silent", "rows": 2, "failures": 1}]


def test_clocks_and_messages_that_are_overdue_are_alarms(client: FlaskClient, beating: Session) -> None:
    make_report(beating, contact="anna@example.org")
    beating.execute(text("DELETE FROM procrastinate_jobs"))
    beating.execute(QUESTION)
    beating.execute(text("UPDATE deadlines SET next_at = now() + interval '1 hour' WHERE next_at IS NOT NULL"))
    beating.execute(text("UPDATE deliveries SET state = 'queued', next_at = now()"))
    before = alarms(client)
    beating.execute(text("UPDATE deadlines SET next_at = now() - interval '6 minutes' WHERE next_at IS NOT NULL"))
    beating.execute(text("UPDATE deliveries SET next_at = now() - interval '16 minutes'"))

    assert before == []
    assert alarms(client) == ["clocks-overdue", "deliveries-overdue"]
    assert "example.org" not in client.get("/statusz").get_data(as_text=True)


@pytest.mark.parametrize(
    ("room", "names"),
    [
        (None, []),
        (Room(2 * GIGABYTE, 100 * GIGABYTE), []),
        (Room(GIGABYTE - 1, 100 * GIGABYTE), ["media-room"]),
        (Room(GIGABYTE // 10, GIGABYTE), []),
        (Room(GIGABYTE // 25, GIGABYTE), ["media-room"]),
    ],
)
def test_little_room_for_photos_is_an_alarm(room: Room | None, names: list[str]) -> None:
    assert [alarm.name for alarm in replace(IDLE, room=room).alarms()] == names


@pytest.mark.parametrize(("spooled", "names"), [(50, []), (51, ["photo-spool"])])
def test_photos_that_fill_half_of_what_may_wait_for_the_bucket_are_an_alarm(spooled: int, names: list[str]) -> None:
    store = Store(spooled=spooled, spool_limit=100)

    assert [alarm.name for alarm in replace(IDLE, store=store).alarms()] == names


def test_a_restore_is_an_alarm_until_it_is_ended(client: FlaskClient, beating: Session) -> None:
    now = db.utcnow()
    holding.begin_restore(beating, at=now - dt.timedelta(hours=1), margin=dt.timedelta(minutes=5), now=now)
    during = alarms(client)
    holding.end_restore(beating, now=now)

    assert during == ["restore"]
    assert alarms(client) == []


def test_a_database_that_is_away_is_an_alarm(app: Flask, nowhere: None) -> None:
    assert alarms(app.test_client()) == ["database"]


def test_an_older_schema_is_an_alarm(app: Flask, committed: Settings) -> None:
    owner = create_engine(committed.database_owner_url)
    with owner.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    owner.dispose()

    assert alarms(app.test_client()) == ["schema"]


def test_an_alarm_is_logged_when_it_is_first_seen(
    client: FlaskClient, shenzhen: Session, caplog: pytest.LogCaptureFixture, app: Flask
) -> None:
    app.extensions.pop("alarms", None)

    with caplog.at_level(logging.ERROR, "app.status.service"):
        alarms(client)
        alarms(client)

    assert [vars(line)["alarm"] for line in caplog.records if line.name == "app.status.service"] == ["workers"]


def test_the_command_prints_the_same_and_ends_with_1_where_there_is_an_alarm(app: Flask, shenzhen: Session) -> None:
    runner = app.test_cli_runner()

    alarmed = runner.invoke(status_command)
    shenzhen.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())"))
    well = runner.invoke(status_command)

    assert (alarmed.exit_code, well.exit_code) == (1, 0)
    assert json.loads(alarmed.stdout)["alarms"][0]["name"] == "workers"
    assert alarmed.stderr.startswith("workers: no worker has beaten")
    assert json.loads(well.stdout)["status"] == "ok"
