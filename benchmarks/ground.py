"""The ground: a migrated database with the city and the seeds, and a filled copy of it for every size."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import psycopg
from sqlalchemy import create_engine

from app import open_process
from app.config import Settings
from app.db import Reading, utcnow
from benchmarks.draws import City
from benchmarks.multiply import FUNCTIONS, fill, keep_seeds
from benchmarks.seeds import file_seeds
from dev import environment
from dev.cluster import SUPERUSER, Cluster
from dev.console import Refusal
from dev.places import PROGRAMS, ROOT, shared_data

GROUND = "ssp_bench_ground"
CITY = "cities/shenzhen"

Tell = Callable[[str], None]


def settings_for(cluster: Cluster, database: str, folder: Path) -> dict[str, str]:
    """Give the settings of the service over a database: those of production, without the rate limit."""
    return {
        **environment.databases(cluster, database),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "MEDIA_ROOT": str(folder / "media"),
        "MAIL_ROOT": str(folder / "mail"),
        "PUBLIC_URL": "http://127.0.0.1",
        "REPORTS_PER_MINUTE": "0",
        "WEB_WORKERS": "2",
        "FLASK_APP": "wsgi.py",
    }


def city_folder(given: Mapping[str, str]) -> Path:
    """Give the pack to measure on: CITY, else the real Shenzhen where it is, else the built-in one."""
    real = shared_data() / CITY
    return (ROOT / given["CITY"]).resolve() if given.get("CITY") else real if real.is_dir() else ROOT / CITY


def make_ground(cluster: Cluster, pack: Path, seeds: int, folder: Path, tell: Tell) -> None:
    """Make the database that every size is copied from."""
    cluster.drop_database(GROUND)
    cluster.ensure_database(GROUND)
    settings = settings_for(cluster, GROUND, folder)
    for words in (("db", "upgrade"), ("city", "load", str(pack))):
        tell(f"flask {' '.join(words[:2])}")
        command = [PROGRAMS / "flask", *words]
        if subprocess.run(
            command, cwd=ROOT, env=environment.whole({**settings, "LOG_LEVEL": "WARNING"}), check=False
        ).returncode:
            raise Refusal(f"flask {' '.join(words[:2])} failed; what it said is above.")
    known = Settings.from_environment(settings)
    engine = open_process(known)
    tell(f"filing {seeds} reports to be multiplied")
    file_seeds(seeds, now=utcnow(), chance=np.random.default_rng(1), tell=_each_tenth(seeds, tell))
    engine.dispose()
    with psycopg.connect(_plain(cluster.url(GROUND, SUPERUSER)), autocommit=True) as connection:
        connection.execute(FUNCTIONS)
        for statement in keep_seeds():
            connection.execute(statement)


def make_size(cluster: Cluster, database: str, size: int, tell: Tell) -> None:
    """Make a database with ``size`` open work orders."""
    cluster.drop_database(database)
    cluster.ensure_database(database, template=GROUND)
    chance = np.random.default_rng(size)
    url = cluster.url(database, SUPERUSER)
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        fill(connection, size, read_city(url, chance), chance=chance, tell=tell)


def read_city(url: str, chance: np.random.Generator) -> City:
    """Read streets and items of a database."""
    engine = create_engine(url)
    with Reading(bind=engine) as session:
        city = City.read(session, chance)
    engine.dispose()
    return city


def _plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def _each_tenth(total: int, tell: Tell) -> Callable[[int], None]:
    step = max(1, total // 10)

    def told(done: int) -> None:
        if done % step == 0:
            tell(f"  {done:,} of {total:,}")

    return told
