"""A city full of work orders that are nothing but points: for what reads nothing else of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psycopg

from app.config import Settings
from benchmarks.draws import City
from benchmarks.ground import Tell, city_folder, settings_for
from dev import environment
from dev.cluster import Cluster
from dev.console import Refusal
from dev.places import ROOT

CHUNK = 100_000


def make_city(cluster: Cluster, database: str, folder: Path, tell: Tell) -> Settings:
    """Make a database with the city and nothing in it; give the settings over it."""
    cluster.drop_database(database)
    cluster.ensure_database(database)
    settings = settings_for(cluster, database, folder)
    for words in (("db", "upgrade"), ("city", "load", str(city_folder(os.environ)))):
        tell(f"flask {' '.join(words[:2])}")
        command = [sys.executable, "-m", "flask", *words]
        whole = environment.whole({**settings, "LOG_LEVEL": "WARNING"})
        if subprocess.run(command, cwd=ROOT, env=whole, check=False).returncode:
            raise Refusal(f"flask {' '.join(words[:2])} failed; what it said is above.")
    return Settings.from_environment(settings)


def fill(
    connection: psycopg.Connection[tuple[object, ...]],
    size: int,
    city: City,
    chance: np.random.Generator,
    *,
    statement: str,
) -> None:
    """Draw places and items as the city has them, and have a statement make work orders of them.

    It finds them in the table ``drawn (n, street, item, lon, lat)``, a hundred thousand at a time.
    """
    connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    connection.execute("CREATE TEMP TABLE drawn (n int, street text, item text, lon float8, lat float8)")
    for first in range(0, size, CHUNK):
        count = min(CHUNK, size - first)
        streets = chance.integers(len(city.codes), size=count)
        items = chance.choice(len(city.items), count, p=city.shares)
        places = np.empty((count, 2))
        for street in np.unique(streets):
            here = streets == street
            places[here] = city.scatter(int(street), int(here.sum()), chance)
        connection.execute("TRUNCATE drawn")
        with connection.cursor().copy("COPY drawn FROM STDIN") as copy:
            for n, (street, item, place) in enumerate(zip(streets, items, places.tolist(), strict=True), start=first):
                copy.write_row((n, city.codes[street], city.items[item].code, *place))
        connection.execute(statement)
    connection.execute("ANALYZE work_orders")
