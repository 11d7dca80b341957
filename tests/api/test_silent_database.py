"""A database that is frozen: every request is answered, and the service goes on when it thaws."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import db, silence
from app.config import Settings
from app.db import Limits
from app.outages import Outage, outage_of
from dev.cluster import Cluster
from tests.databases import fill, settings_for
from tests.frozen import frozen

HASTY = Limits(lock_s=1, statement_s=60, idle_s=60, silence_s=5)
pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Cluster]:
    """Give a cluster that no other test uses, with a city in it."""
    cluster = Cluster(tmp_path_factory.mktemp("frozen") / "pg", durable=False)
    cluster.start()
    cluster.ensure_database("ssp_frozen")
    fill("shenzhen", settings_of(cluster))
    yield cluster
    cluster.destroy()


def settings_of(cluster: Cluster) -> Settings:
    return settings_for(cluster.url("ssp_frozen"), cluster.url("ssp_frozen", "ssp_owner"), cluster.folder)


def test_a_frozen_database_holds_no_request_and_is_used_again(app: Flask, own: Cluster) -> None:
    engine = db.connect(settings_of(own), HASTY)
    client = app.test_client()

    before = client.get("/")
    with ThreadPoolExecutor(2) as threads, frozen(own):
        page = threads.submit(client.get, "/")
        ready = threads.submit(client.get, "/readyz")
        during = page.result(timeout=120), ready.result(timeout=120)
    after = client.get("/")

    engine.dispose()
    assert [answer.status_code for answer in (before, *during, after)] == [200, 503, 503, 200]
    assert during[0].headers["Retry-After"]


def test_a_statement_under_way_is_left_when_the_server_freezes(app: Flask, own: Cluster) -> None:
    engine = db.connect(settings_of(own), HASTY)

    with engine.connect() as connection, frozen(own), pytest.raises(OperationalError, match="no answer") as silent:
        connection.execute(text("SELECT 1"))

    engine.dispose()
    assert outage_of(silent.value) is Outage.AWAY


def test_all_waits_of_a_request_together_are_limited(app: Flask, own: Cluster) -> None:
    engine = db.connect(settings_of(own))

    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        silence.begin_budget(0.5)
        connection.execute(text("SELECT pg_sleep(0.3)"))
        with pytest.raises(OperationalError, match="no answer"):
            connection.execute(text("SELECT pg_sleep(0.3)"))
        silence.end_budget()

    engine.dispose()
