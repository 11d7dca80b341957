"""Web through PgBouncer in transaction mode, by the recipe of deploy/pgbouncer.ini."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ProgrammingError

from app import db
from app.commands import require_usable
from app.config import Settings
from app.errors import SettingsFault
from app.live import listen
from app.pooler import POOLED
from app.server.workers import UNUSABLE
from dev.places import ROOT
from tests.aside import run_aside
from tests.make import YUEHAI
from tests.ports import reserve_port
from tests.waiting import PATIENCE_S, wait_until

RECIPE = Path(__file__).parents[1] / "deploy" / "pgbouncer.ini"
SHOWN = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
LON, LAT = YUEHAI


@pytest.fixture
def pooled(committed: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Give settings whose DATABASE_URL leads through a PgBouncer; it has one connection to the server."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have pgbouncer: `python3 -m dev setup --tests` installs it")
        pytest.skip("pgbouncer is missing: `python3 -m dev setup --tests` installs it")
    url = make_url(committed.database_url)
    port = reserve_port()
    recipe = tmp_path / "pgbouncer.ini"
    recipe.write_text(adapted(RECIPE.read_text(), database=str(url.database), host=str(url.query["host"]), port=port))
    tmp_path.chmod(0o755)
    command = [program, str(recipe)]
    if os.geteuid() == 0:  # which it refuses to run as
        command = [program, "-u", "postgres", str(recipe)]
        recipe = Path(shutil.copy(recipe, f"/tmp/ssp-pgbouncer-{port}.ini"))  # noqa: S108  # its account may read there
        command[-1] = str(recipe)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: listens(port), "pgbouncer does not listen")
    yield replace(
        committed,
        database_url=f"postgresql+psycopg://{url.username}@127.0.0.1:{port}/{url.database}",
        database_direct_url=committed.database_url,
    )
    process.terminate()
    process.wait()
    recipe.unlink()


def adapted(recipe: str, *, database: str, host: str, port: int) -> str:
    """Return the recipe for the test's server: another address, no passwords, a single connection to the server."""
    changes = {
        r"^ssp_mycity = .*$": f"{database} = host={host} user=ssp_app",
        r"^listen_port = .*$": f"listen_port = {port}",
        r"^auth_type = .*$": "auth_type = any",
        r"^auth_file = .*$": "unix_socket_dir =",
        r"^default_pool_size = .*$": "default_pool_size = 1",
    }
    for pattern, line in changes.items():
        recipe, count = re.subn(pattern, line, recipe, flags=re.MULTILINE)
        assert count == 1, pattern
    return recipe


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def engine(pooled: Settings) -> Iterator[Engine]:
    """Give the application's engine through the pooler, with the limits of its role set."""
    direct = db.connect(pooled, direct=True)
    with db.Session.begin() as session:
        db.set_role_limits(session)
    direct.dispose()
    engine = db.connect(pooled)
    yield engine
    engine.dispose()


def test_limits_of_time_hold_through_the_pooler(engine: Engine) -> None:
    with engine.connect() as connection:
        shown = [connection.scalar(text(f"SHOW {name}")) for name in SHOWN]

    assert shown == ["5s", "30s", "1min"]


def take_turns(engine: Engine) -> list[int]:
    """Let two clients ask for their own number, a transaction each, over the one session of the server."""
    heard = []
    with engine.connect() as one, engine.connect() as two:
        for _ in range(20):
            for client, number in ((one, 1), (two, 2)):
                heard.append(client.scalar(text(f"SELECT {number}")))
                client.commit()
    return heard


def test_two_clients_never_run_each_others_statements(engine: Engine) -> None:
    assert take_turns(engine) == [1, 2] * 20


def test_two_clients_that_prepare_by_name_meet_each_other(pooled: Settings) -> None:
    heedless = create_engine(pooled.database_url)

    with pytest.raises(ProgrammingError, match="prepared statement"):
        take_turns(heedless)

    heedless.dispose()


def test_a_report_is_filed_through_the_pooler_and_the_log_says_that_there_is_one(
    app: Flask, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "app.pooler"):
        filed = app.test_client().post("/api/v1/reports", json={"lon": LON, "lat": LAT, "item": "B0121"})
        ready = app.test_client().get("/readyz")

    assert (filed.status_code, ready.status_code) == (201, 200)
    assert [line.message for line in caplog.records if line.name == "app.pooler"] == [
        "a pooler lies before the database: no named prepared statements"
    ]


def test_missing_limits_are_an_error_in_the_log(pooled: Settings, caplog: pytest.LogCaptureFixture) -> None:
    engine = db.connect(pooled)

    with caplog.at_level(logging.WARNING, "app.pooler"), engine.connect():
        pass

    engine.dispose()
    assert "no limits of time behind the pooler" in caplog.records[-1].message


def test_worker_and_live_refuse_a_pooler_and_take_the_direct_way(app: Flask, pooled: Settings) -> None:
    mistaken = replace(pooled, database_direct_url="")
    through = db.connect(mistaken, direct=True)

    with pytest.raises(SettingsFault, match="DATABASE_DIRECT_URL"):
        require_usable(mistaken)
    with pytest.raises(SettingsFault) as refused:
        run_aside(listen._connect(mistaken))
    through.dispose()
    direct = db.connect(pooled, direct=True)
    require_usable(pooled)
    direct.dispose()
    run_aside(connect_and_close(pooled))

    assert str(refused.value) == POOLED


async def connect_and_close(settings: Settings) -> None:
    connection: psycopg.AsyncConnection[object] = await listen._connect(settings)
    await connection.close()


def test_web_ends_with_one_line_where_its_streams_would_listen_through_the_pooler(pooled: Settings) -> None:
    settings = {
        "DATABASE_URL": pooled.database_url,
        "SECRET_KEY": pooled.secret_key,
        "MEDIA_ROOT": str(pooled.media_root),
        "MAIL_ROOT": str(pooled.mail_root),
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "app.server", "--port", str(reserve_port()), "--workers", "1"]

    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )

    assert ended.returncode == UNUSABLE
    assert ended.stderr.splitlines()[0] == POOLED
    assert "Traceback" not in ended.stderr
