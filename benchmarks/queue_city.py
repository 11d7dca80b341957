"""Two releases of the service beside each other: a tree of each, its databases, its web and its worker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import utcnow
from app.notify import keys
from app.notify.contacts import parse_contact
from app.notify.keys import contact_digest, seal
from app.notify.models import Contact
from benchmarks.ground import city_folder, settings_for
from benchmarks.web import HOST, Server
from dev import environment
from dev.cluster import SUPERUSER, Cluster
from dev.console import Refusal
from dev.places import ROOT

BASE = "f080ef1"  # the last release with one queue
BUILD = "app/web/static/build"
DOMAIN = "example.org"


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout of a release; both are run by the Python of this one."""

    name: str
    folder: Path

    @property
    def template(self) -> str:
        """Name the database with its schema and the city."""
        return f"ssp_bench_queue_{self.name}"

    def flask(self, settings: Mapping[str, str], *words: str) -> None:
        """Run one of its commands. Raises Refusal where that fails."""
        command = [sys.executable, "-m", "flask", *words]
        if subprocess.run(command, cwd=self.folder, env=environment.whole(settings), check=False).returncode:
            raise Refusal(f"flask {' '.join(words[:2])} of {self.name} failed; what it said is above.")


@contextmanager
def trees(folder: Path) -> Iterator[tuple[Tree, Tree]]:
    """Give the release that is compared with, checked out into a folder, and this one."""
    base = folder / "base"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(base), BASE], check=True)
    try:
        shutil.copytree(ROOT / BUILD, base / BUILD, dirs_exist_ok=True)
        yield Tree("base", base), Tree("now", ROOT)
    finally:
        subprocess.run([*git, "remove", "--force", str(base)], check=True)


def address_of(number: int) -> str:
    """Give the address of a made-up resident."""
    return f"resident{number}@{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Ground:
    """What both releases share: the cluster, a folder, and the secret by which both read the same contacts."""

    cluster: Cluster
    folder: Path
    secret: str = field(repr=False)

    def settings(self, database: str, **more: str) -> dict[str, str]:
        """Give the settings of a release over a database."""
        return settings_for(self.cluster, database, self.folder) | {"SECRET_KEY": self.secret} | more


def make_template(ground: Ground, tree: Tree, *, residents: int) -> None:
    """Make a database with the city in it and residents whose addresses are confirmed."""
    ground.cluster.drop_database(tree.template)
    ground.cluster.ensure_database(tree.template)
    settings = ground.settings(tree.template, LOG_LEVEL="WARNING")
    tree.flask(settings, "db", "upgrade")
    tree.flask(settings, "city", "load", str(city_folder(os.environ)))
    known = Settings.from_environment(settings)
    keys.configure(known)
    engine = create_engine(known.database_url)
    with Session(engine) as session, session.begin():
        session.execute(insert(Contact), [_contact(number) for number in range(residents)])
    engine.dispose()


def _contact(number: int) -> dict[str, object]:
    channel, address = parse_contact(address_of(number))
    now = utcnow()
    return {
        "id": uuid4(),
        "channel": channel,
        "digest": contact_digest(channel, address),
        "address": seal(address),
        "language": "zh",
        "created_at": now,
        "given_at": now,
        "confirmed_at": now,
        "asked": 0,
        "guesses": 0,
        "ended_because": "",
    }


@dataclass(frozen=True, slots=True)
class Running:
    """A running service: where web listens, and its database as its superuser sees it."""

    port: int
    engine: Engine

    def number(self, question: str) -> float:
        """Ask the database for a number."""
        with self.engine.connect() as connection:
            return float(connection.execute(text(question)).scalar() or 0)


@contextmanager
def running(ground: Ground, tree: Tree, *, workers: Sequence[str], **more: str) -> Iterator[Running]:
    """Run web, and a worker for each name, over a fresh database of a release; ``more`` are settings."""
    database = f"{tree.template}_round"
    ground.cluster.drop_database(database)
    ground.cluster.ensure_database(database, template=tree.template)
    settings = ground.settings(database, **more)
    with ExitStack() as ending:
        ending.callback(ground.cluster.drop_database, database)
        url = ground.cluster.url(database, SUPERUSER)
        engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=2)
        ending.callback(engine.dispose)
        for _ in workers:
            ending.enter_context(_worker(tree, settings))
        server = Server(settings, folder=tree.folder)
        ending.callback(server.stop)
        server.wait()
        yield Running(server.port, engine)


@contextmanager
def _worker(tree: Tree, settings: Mapping[str, str]) -> Iterator[None]:
    command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "flask", "worker"]
    quiet = environment.whole({**settings, "LOG_LEVEL": "ERROR"})
    with subprocess.Popen(command, cwd=tree.folder, env=quiet, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


__all__ = ["BASE", "HOST", "Ground", "Running", "Tree", "address_of", "make_template", "running", "trees"]
