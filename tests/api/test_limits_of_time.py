"""What is given up so that one lock cannot hold every thread; with real locks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import commands, db, worker
from app.catalogue import cli
from app.config import Settings
from app.conninfo import KEEPALIVES
from app.db import JOBS, WEB, Limits
from app.media import service as media
from app.media.service import Upload
from app.rehome.cli import Rehoming
from app.reports.models import Report
from tests.make import NOW, YUEHAI, make_photo

Connect = Callable[[Limits], Engine]
HASTY = Limits(lock_s=1, statement_s=2, idle_s=60, silence_s=3)
SHOWN = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
def connect(committed: Settings) -> Iterator[Connect]:
    """Give a function that binds the sessions to an engine of the application's own, with limits."""
    made: list[Engine] = []

    def bind(limits: Limits) -> Engine:
        made.append(db.connect(committed, limits))
        return made[-1]

    yield bind
    for engine in made:
        engine.dispose()


@pytest.fixture
def owner(committed: Settings) -> Iterator[Engine]:
    """Give an engine of the owner's role, which may what the application may not."""
    engine = create_engine(committed.database_owner_url)
    yield engine
    engine.dispose()


def shown(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in SHOWN]


def test_a_connection_of_web_has_limits_and_one_of_a_worker_has_larger_ones(connect: Connect) -> None:
    assert shown(connect(WEB)) == ["5s", "30s", "1min"]
    assert shown(connect(JOBS)) == ["1min", "10min", "10min"]


def test_options_of_the_operator_win_and_stand_beside_ours(committed: Settings) -> None:
    url = f"{committed.database_url}{'&' if '?' in committed.database_url else '?'}options=-c%20lock_timeout%3D9s"
    engine = db.connect(replace(committed, database_url=url))

    values = shown(engine)

    engine.dispose()
    assert values == ["9s", "30s", "1min"]


def test_a_peer_that_has_gone_is_noticed(connect: Connect) -> None:
    with connect(WEB).connect() as connection:
        parameters = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]

    assert parameters.items() >= KEEPALIVES.items()


def test_the_worker_works_with_its_own_limits(app: Flask, committed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setitem(app.config, "SETTINGS", committed)
    monkeypatch.setitem(app.extensions, "engine", app.extensions["engine"])
    monkeypatch.setattr(worker, "run_worker", lambda *_, **__: seen.append(shown(app.extensions["engine"])))

    answer = app.test_cli_runner().invoke(commands.worker)
    app.extensions["engine"].dispose()

    assert answer.exit_code == 0, answer.output
    assert seen == [["1min", "10min", "10min"]]


def test_a_pack_may_take_as_long_to_load_as_it_needs(connect: Connect, shared: Path, owner: Engine) -> None:
    seen: list[str] = []

    class Slow:
        """A part that takes longer than a statement of this connection may."""

        name = "slow"

        def check(self, *_: object) -> Iterator[object]:
            return iter(())

        def load(self, session: Session, *_: object) -> dict[str, int]:
            session.execute(text("SELECT pg_sleep(3.2)"))
            seen.append("loaded")
            raise RuntimeError("enough")

    connect(HASTY)
    with owner.begin() as connection:
        connection.execute(text("UPDATE pack_versions SET digest = 'another'"))
    group = cli.city_commands([Slow()], lambda _: None, Rehoming())  # type: ignore[list-item]  # it checks nothing

    answer = CliRunner().invoke(group, ["load", str(shared / "cities" / "shenzhen")])

    assert seen == ["loaded"], answer.output


def photo_id() -> str:
    (accepted,) = media.accept(media.current(), [Upload("a.jpg", make_photo())])
    with db.Session.begin() as session:
        return str(media.record(session, accepted, now=NOW, claimed=False).id)


def test_a_held_lock_is_503_and_nothing_was_kept(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    engine = connect(HASTY)
    photo, (lon, lat) = photo_id(), YUEHAI
    body = {"lon": lon, "lat": lat, "item": "B0121", "photos": [photo]}

    with engine.connect() as holder, caplog.at_level(logging.WARNING):
        holder.execute(text("SELECT 1 FROM photos WHERE id = :id FOR UPDATE"), {"id": photo})
        refused = app.test_client().post("/api/v1/reports", json=body)
    connect(WEB)
    taken = app.test_client().post("/api/v1/reports", json=body)

    assert (refused.status_code, refused.content_type) == (503, "application/problem+json")
    assert "Nothing was kept" in refused.get_json()["detail"]
    assert refused.headers["Retry-After"]
    assert [(line.message, vars(line)["cause"]) for line in caplog.records if line.name == "app.api.problems"] == [
        ("database is busy", "LockNotAvailable")
    ]
    assert taken.status_code == 201
    with db.Reading() as session:
        assert session.query(Report).count() == 1


def test_a_page_says_so_too(app: Flask, connect: Connect, owner: Engine) -> None:
    connect(HASTY)

    with owner.connect() as holder:
        holder.execute(text("LOCK TABLE pack_versions"))
        page = app.test_client().get("/")

    assert page.status_code == 503
    assert page.headers["Retry-After"]


def test_a_statement_that_takes_too_long_is_given_up(app: Flask, connect: Connect) -> None:
    connect(HASTY)

    with pytest.raises(OperationalError) as slow, db.Session.begin() as session:
        session.execute(text("SELECT pg_sleep(3)"))

    with app.test_request_context("/api/v1/reports"):
        answer = app.make_response(app.handle_user_exception(slow.value))
    assert answer.status_code == 503
    assert b"does not answer" not in answer.data


@pytest.mark.parametrize("kind", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure])
def test_who_lost_a_race_may_send_it_again(app: Flask, kind: type[psycopg.OperationalError]) -> None:
    with app.test_request_context("/api/v1/reports"):
        answer = app.make_response(app.handle_user_exception(OperationalError("SELECT 1", None, kind())))

    assert answer.status_code == 503
    assert "Others are at work" in answer.get_json()["detail"]
    assert answer.headers["Retry-After"]
