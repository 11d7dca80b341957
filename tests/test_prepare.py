"""`flask prepare`, as `make run` calls it: a process over a database in which nothing is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from dev.run import EXAMPLE
from tests.catalogue.town import write_town
from tests.databases import Databases, settings_for

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bare(databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    """Give settings over a database without tables."""
    name = f"ssp_test_{databases.worker}_bare"
    cluster = databases.cluster
    cluster.ensure_database(name)
    yield settings_for(cluster.url(name), cluster.url(name, "ssp_owner"), tmp_path)
    cluster.drop_database(name)


def prepare(settings: Settings, pack: Path, *words: str, log_level: str = "WARNING") -> list[str]:
    env = os.environ | {
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.database_owner_url,
        "SECRET_KEY": settings.secret_key,
        "MEDIA_ROOT": str(settings.media_root),
        "LOG_LEVEL": log_level,
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi.py", "prepare", str(pack), *words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_one_command_fills_an_empty_database_and_changes_nothing_the_second_time(
    bare: Settings, databases: Databases, tmp_path: Path
) -> None:
    pack, tokens = write_town(tmp_path), tmp_path / "tokens.json"
    database = bare.database_url.partition("@/")[2].partition("?")[0]

    first = prepare(bare, pack, "--demo", str(tokens))
    made = json.loads(tokens.read_text())
    second = prepare(bare, pack, "--demo", str(tokens))

    assert "Loaded as version 1: 3 areas, 4 units, 3 items, 1 rules, 1 assets." in first
    assert EXAMPLE.fullmatch(first[-1])
    assert "A pack is loaded already." in second
    assert second[-1].split()[2] == first[-1].split()[2]
    assert [role for staff in made.values() for role in staff] == [
        *("crew", "unit_manager", "dispatcher", "adjudicator", "supervisor", "auditor", "admin"),
    ]
    assert json.loads(tokens.read_text()) == made
    assert databases.cluster.psql("SELECT count(*) FROM pack_versions", database) == "1"
    # A terminal shows no line of the log unless something is wrong, and never a token.
    told = "\n".join(first + second)
    assert "{" not in told
    assert not any(token in told for staff in made.values() for token in staff.values())


def test_without_a_file_for_tokens_it_makes_no_staff(bare: Settings, databases: Databases, tmp_path: Path) -> None:
    database = bare.database_url.partition("@/")[2].partition("?")[0]

    lines = prepare(bare, write_town(tmp_path), log_level="INFO")

    assert databases.cluster.psql("SELECT count(*) FROM staff", database) == "0"
    assert any('"logger": "alembic.runtime.migration"' in line for line in lines)
