"""A PostgreSQL cluster that is private to a folder: no TCP, one Unix socket in a folder that only we may enter.

    cluster = Cluster(Path("var/pg"))        # or Cluster(folder, durable=False): fast, loses data in a crash
    cluster.start()                          # makes it when there is none; does nothing when it runs
    cluster.ensure_database("ssp_440300")    # owned by ssp_owner, with PostGIS
    cluster.url("ssp_440300", "ssp_app")     # for SQLAlchemy
    cluster.stop()

Several processes may use one cluster at once: a lock stands around every change. The superuser is `postgres`.
Every database is made from template1, which has the extensions, so that `CREATE DATABASE` alone gives PostGIS.
"""

import os
import re
import shutil
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from dev import locks, postgres
from dev.console import Refusal, warn
from dev.places import NAME_ROOM, VAR, aside
from dev.postmaster import SUPERUSER, Postmaster

__all__ = ["APP", "EXTENSIONS", "OWNER", "SUPERUSER", "Cluster", "all_clusters", "main_cluster", "scratch_cluster"]

OWNER = "ssp_owner"  # owns the databases and runs the migrations
APP = "ssp_app"  # the service
EXTENSIONS = ("postgis", "pg_trgm", "btree_gist")


class Cluster:
    """A cluster in `folder`. What it does is repeatable: calling it again changes nothing more."""

    def __init__(self, folder: Path, durable: bool = True) -> None:
        self.folder = folder.resolve()  # as the kernel will tell it in /proc
        self.durable = durable

    @cached_property
    def home(self) -> Path:
        """Where the cluster lies: `folder`, or a place under /var/lib when the server's account may not enter that."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise Refusal(f"{self.folder.parent} cannot be made ({fault.strerror}).") from fault
        if postgres.may_enter(self.folder.parent):
            return self.folder
        return aside(self.folder).resolve()

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self._postmaster.data

    @property
    def socket(self) -> Path:
        """The folder of the socket: the `host` of a connection."""
        return self._postmaster.socket

    @property
    def server(self) -> postgres.Server:
        """The installed version; `server.program("pgbench")` is the path of one of its programs."""
        return self._postmaster.server

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        return self._postmaster.pid

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    @property
    def busy(self) -> bool:
        """Whether somebody else is connected."""
        clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        return self.psql(f"{clients} AND pid <> pg_backend_pid()") != "0"

    def start(self) -> None:
        """Make the cluster when there is none and start it when it does not run; return when it takes connections."""
        self._make_home()
        prepared = self.home / "prepared"
        if self.home != self.folder and not prepared.exists():
            warn(f"{postgres.ACCOUNT} may not enter {self.folder.parent}: the database lies in {self.home}")
        with self._locked():
            if not self.running:
                self._postmaster.start()
            if not prepared.exists():
                self.ensure_roles()
                for extension in EXTENSIONS:
                    self.psql(f"CREATE EXTENSION IF NOT EXISTS {extension}", "template1")
                prepared.touch()

    def stop(self) -> None:
        """Stop the server; open connections are ended. Nothing happens when it does not run."""
        if not self.running:
            return
        with self._locked():
            if self.running:
                self._postmaster.stop()

    def kill(self) -> None:
        """Kill the server as a crash would, for tests; return when its last process is gone."""
        self._postmaster.kill()

    def destroy(self) -> None:
        """Stop the server and delete all that it has."""
        if not self.home.exists():
            return
        self.stop()
        for folder in (self.socket, self.home, self.folder):
            shutil.rmtree(folder, ignore_errors=True)
        if self.home != self.folder and not any(self.home.parent.glob("*")):
            self.home.parent.rmdir()

    def ensure_roles(self) -> None:
        """Make the two roles of the service."""
        for role, rights in ((OWNER, "LOGIN CREATEDB"), (APP, "LOGIN")):
            if not self.psql(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                self.psql(f"CREATE ROLE {role} {rights}")

    def ensure_database(self, name: str, template: str = "template1") -> None:
        """Make a database owned by `ssp_owner`, a copy of `template`, when there is none of this name.

        Nobody may be connected to the template meanwhile.
        """
        _require_name(name)
        _require_name(template)
        with self._locked():
            if not self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
                self.psql(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")

    def drop_database(self, name: str) -> None:
        """Drop a database, when there is one of this name; connections to it are ended."""
        _require_name(name)
        with self._locked():
            self.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str, role: str = APP) -> str:
        """Return the URL of a database for SQLAlchemy with psycopg."""
        return f"postgresql+psycopg://{role}@/{name}?host={quote(str(self.socket))}"

    def psql(self, sql: str, database: str = SUPERUSER) -> str:
        """Run SQL as the superuser and return its rows, columns parted by "|". An error is a Refusal."""
        command = [*self.psql_command(database), "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        return postgres.must(command, text=f"SET client_min_messages = warning;\n{sql}")

    def psql_command(self, database: str, role: str = SUPERUSER) -> list[str]:
        """Return the command of a psql that is connected to a database."""
        return [self.server.program("psql"), "-X", "-h", str(self.socket), "-U", role, "-d", database]

    @cached_property
    def _postmaster(self) -> Postmaster:
        return Postmaster(self.home, durable=self.durable)

    def _locked(self) -> AbstractContextManager[None]:
        return locks.held(self.home / "lock", busy="", wait=True)

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            aside_too = [] if self.home == self.folder else [self.home.parent]
            for folder in [self.home, *aside_too] if os.geteuid() == 0 else []:
                folder.chmod(0o755)  # for the server's account, whatever our umask
        except OSError as fault:
            raise Refusal(f"{self.home} cannot be made ({fault.strerror}).") from fault


def main_cluster() -> Cluster:
    """Return the cluster of `make run`: its data last."""
    return Cluster(VAR / "pg")


def all_clusters() -> list[Cluster]:
    """Return every cluster that a checkout may have, whether it is there or not: also that of the benchmarks."""
    return [main_cluster(), scratch_cluster(), Cluster(VAR / "bench-pg")]


def scratch_cluster() -> Cluster:
    """Return the cluster of the tests: fast, and worth nothing."""
    return Cluster(VAR / "test-pg", durable=False)


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or len(name) > NAME_ROOM:
        raise Refusal(f"{name!r} is no name for a database.")
