"""Every process reaches the database by the same parameters, several hosts among them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app import db
from app.config import Settings
from app.conninfo import KEEPALIVES, conninfo
from app.live import listen
from app.outages import Outage, outage_of
from tests.aside import run_aside

ROOT = Path(__file__).parents[1]
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize("hosts", ["host=a:5432&host=b:5433", "host=a,b&port=5432,5433"])
def test_several_hosts_are_written_as_libpq_reads_them(hosts: str) -> None:
    found = conninfo_to_dict(conninfo(f"postgresql+psycopg://me:made%40up@/city?{hosts}"))

    assert found == KEEPALIVES | {
        "user": "me",
        "password": "made@up",
        "dbname": "city",
        "host": "a,b",
        "port": "5432,5433",
        "target_session_attrs": "read-write",
        "connect_timeout": "5",
    }


def test_what_the_url_says_wins() -> None:
    found = conninfo_to_dict(conninfo("postgresql+psycopg://me@a/city?target_session_attrs=any&keepalives=0"))

    assert (found["target_session_attrs"], found["keepalives"]) == ("any", "0")


def test_web_worker_and_live_pass_over_a_host_that_is_away(committed: Settings, tmp_path: Path) -> None:
    both = replace(committed, database_url=committed.database_url.replace("host=", f"host={tmp_path},"))
    engine = db.connect(both)

    with engine.connect() as web, psycopg.connect(conninfo(both.database_url)) as worker:
        names = [web.scalar(text("SELECT current_database()")), worker.info.dbname, run_aside(live_database(both))]

    engine.dispose()
    assert len(set(names)) == 1


async def live_database(settings: Settings) -> str:
    async with await listen._connect(settings) as connection:
        return connection.info.dbname


def test_a_script_gets_an_address_in_the_words_of_libpq() -> None:
    url = "postgresql+psycopg://ssp_owner:geheim@/ssp_x?host=db1:5432&host=db2:5433"
    command = [sys.executable, "-m", "app.conninfo"]

    printed = subprocess.run(command, cwd=ROOT, input=url, capture_output=True, text=True, check=True)

    found = conninfo_to_dict(printed.stdout.strip())
    assert (found["host"], found["port"], found["user"]) == ("db1,db2", "5432,5433", "ssp_owner")
    assert (found["dbname"], found["password"]) == ("ssp_x", "geheim")


def test_a_server_that_takes_no_writes_is_passed_over(committed: Settings) -> None:
    owner = create_engine(committed.database_owner_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {owner.url.database} SET default_transaction_read_only = on"))
    owner.dispose()
    engine = db.connect(committed)

    with pytest.raises(OperationalError) as refused:
        engine.connect()

    engine.dispose()
    assert outage_of(refused.value) is Outage.READ_ONLY


@pytest.mark.parametrize("words", [["db", "upgrade"], ["audit", "anchors"]])
def test_a_command_without_its_database_says_so_in_one_line(words: list[str], settings: Settings) -> None:
    done = flask(replace(settings, database_url=NOWHERE, database_owner_url=NOWHERE), *words)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: The database does not answer: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_migration_that_meets_a_lock_says_so_and_goes_on_when_it_is_free(committed: Settings) -> None:
    owner = create_engine(committed.database_owner_url)

    with owner.connect() as holder:
        holder.execute(text("LOCK TABLE alembic_version"))
        upgrade = start_flask(committed, "db", "upgrade")
        assert upgrade.stderr is not None
        told = upgrade.stderr.readline()
        holder.rollback()
        rest = upgrade.communicate()[1]

    owner.dispose()
    assert told.startswith("A table is in use; trying again (1 of ")
    assert upgrade.returncode == 0, rest


def flask(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    process = start_flask(settings, *words)
    said, complained = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def start_flask(settings: Settings, *words: str) -> subprocess.Popen[str]:
    """Start a command of the application as an operator does."""
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.database_owner_url,
        "MEDIA_ROOT": str(settings.media_root),
        "SECRET_KEY": settings.secret_key,
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi.py", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
