"""/readyz of web: this process can serve, whatever the worker does and however new the database is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app import db
from app.config import Settings
from app.readiness import code_revisions, is_new_enough
from app.web import files

READY = {"status": "ok", "database": "ok", "schema": "ok", "city": "ok", "key": "ok", "store": "ok", "front_end": "ok"}


@pytest.fixture
def owner(committed: Settings) -> Iterator[Engine]:
    engine = create_engine(committed.database_owner_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def test_web_is_ready_while_no_worker_runs(client: FlaskClient) -> None:
    alive, ready = client.get("/healthz"), client.get("/readyz")

    assert (alive.status_code, alive.get_json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.get_json()) == (200, READY)


def test_a_front_end_that_was_not_built_is_named(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "MANIFEST", tmp_path / "manifest.json")

    with caplog.at_level(logging.ERROR, "app.api.health"):
        ready = client.get("/readyz")

    assert ready.status_code == 503
    assert ready.get_json()["front_end"].startswith("not built: run ")
    assert vars(caplog.records[-1])["front_end"].startswith("not built: run ")


def test_a_database_without_a_city_is_named(app: Flask, session: Session) -> None:
    ready = app.test_client().get("/readyz")

    assert ready.status_code == 503
    assert "flask city load" in ready.get_json()["city"]


def test_web_is_ready_on_a_newer_database_and_not_on_an_older_one(
    app: Flask, committed: Settings, owner: Engine
) -> None:
    head, known = code_revisions()
    before = max(known - {head})
    client = app.test_client()
    moved = text("UPDATE alembic_version SET version_num = :revision")

    with owner.connect() as connection:
        connection.execute(moved, {"revision": "9999"})
        newer = client.get("/readyz")
        connection.execute(moved, {"revision": before})
        older = client.get("/readyz")

    assert (newer.status_code, newer.get_json()["schema"]) == (200, "ok")
    assert older.status_code == 503
    assert older.get_json()["schema"] == f"at {before}, the code needs {head} or newer: run `flask db upgrade`"


def test_a_database_without_a_revision_is_not_new_enough() -> None:
    assert not is_new_enough(None)


def test_a_database_without_tables_is_named(app: Flask, committed: Settings, owner: Engine) -> None:
    with owner.connect() as connection:
        connection.execute(text("ALTER TABLE alembic_version RENAME TO elsewhere"))

    ready = app.test_client().get("/readyz")

    assert ready.status_code == 503
    assert ready.get_json()["schema"] == "the tables are missing: run `flask db upgrade`"


def test_a_server_that_takes_no_writes_is_not_ready(app: Flask, committed: Settings, owner: Engine) -> None:
    with owner.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {owner.url.database} SET default_transaction_read_only = on"))
    engine = db.connect(committed)

    ready = app.test_client().get("/readyz")

    engine.dispose()
    assert ready.status_code == 503
    assert ready.get_json()["database"] == "takes no writes: it is a standby, or read-only"
    assert ready.headers["Retry-After"]


def test_readiness_is_logged_once_when_it_is_lost_and_once_when_it_is_back(
    app: Flask, committed: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    client = app.test_client()
    client.get("/readyz")
    nowhere = db.connect(replace(committed, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"))

    with caplog.at_level(logging.INFO, "app.api.health"):
        refused = [client.get("/readyz") for _ in range(2)]
        engine = db.connect(committed)
        again = client.get("/readyz")

    nowhere.dispose()
    engine.dispose()
    assert [answer.get_json()["database"] for answer in (*refused, again)] == ["does not answer"] * 2 + ["ok"]
    assert [line.message for line in caplog.records if line.name == "app.api.health"] == ["not ready", "ready again"]
