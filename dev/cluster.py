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
import signal
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from dev import cluster_settings, locks, postgres, processes
from dev.console import Refusal, warn
from dev.places import NAME_ROOM, VAR, aside, socket_folder

OWNER = "ssp_owner"  # owns the databases and runs the migrations
APP = "ssp_app"  # the service
SUPERUSER = "postgres"
EXTENSIONS = ("postgis", "pg_trgm", "btree_gist")
PATIENCE = 60.0  # seconds; a start after a crash may have much to replay
GRACE = 20.0


class Cluster:
    """A cluster in `folder`. What it does is repeatable: calling it again changes nothing more."""

    def __init__(self, folder: Path, durable: bool = True) -> None:
        self.folder = folder.resolve()  # as the kernel will tell it in /proc
        self.durable = durable

    @cached_property
    def home(self) -> Path:
        """Where the cluster lies: `folder`, or a place under /var/lib when the server's account may not enter that."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if postgres.may_enter(self.folder.parent):
            return self.folder
        home = aside(self.folder).resolve()
        warn(f"the account {postgres.ACCOUNT} may not enter {self.folder.parent}: the database lies in {home}")
        return home

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "data"

    @property
    def socket(self) -> Path:
        """The folder of the socket: the `host` of a connection."""
        return socket_folder(self.home, postgres.account().pw_uid)

    @property
    def server(self) -> postgres.Server:
        """The installed version; `server.program("pgbench")` is the path of one of its programs."""
        return postgres.server_for(self.data)

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        pid = self._written_pid()
        return pid if pid is not None and processes.works_in(pid, self.data) else None

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    @property
    def busy(self) -> bool:
        """Whether somebody else is connected."""
        count = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return self.psql(count) != "0"

    def start(self) -> None:
        """Make the cluster when there is none and start it when it does not run; return when it takes connections."""
        self._make_home()
        with self._locked():
            if not self.running:
                self._require_ours()
                self._initialise()
                self._own_socket_folder()
                self._configure()
                self._clear_remains()
                self._launch()
            if not (self.home / "prepared").exists():
                self.ensure_roles()
                for extension in EXTENSIONS:
                    self.psql(f"CREATE EXTENSION IF NOT EXISTS {extension}", "template1")
                (self.home / "prepared").touch()

    def stop(self) -> None:
        """Stop the server; open connections are ended. Nothing happens when it does not run."""
        if not self.running:
            return
        with self._locked():
            command = [self.server.program("pg_ctl"), "stop", "-D", str(self.data), "-w", "-t", str(int(GRACE))]
            if self.running and postgres.attempt([*command, "-m", "fast"], as_server=True).returncode and self.running:
                postgres.must([*command, "-m", "immediate"], as_server=True)

    def kill(self) -> None:
        """Kill the server as a crash would, for tests; return when its last process is gone."""
        pid = self.pid
        if pid is not None:
            processes.send(pid, signal.SIGKILL)
        if not processes.wait_until(lambda: not processes.working_in(self.data), GRACE):
            raise Refusal(f"Processes of the cluster in {self.home} outlive it.")

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

    def _locked(self) -> AbstractContextManager[None]:
        return locks.held(self.home / "lock", busy="", wait=True)

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                self.home.chmod(0o755)  # for the server's account, whatever our umask
        except OSError as fault:
            raise Refusal(f"{self.home} cannot be made ({fault.strerror}).") from fault

    def _require_ours(self) -> None:
        if self.data.exists() and self.data.stat().st_uid != postgres.account().pw_uid:
            raise Refusal(f"{self.data} belongs to another account: run as that one, or delete the data with it.")

    def _initialise(self) -> None:
        if self.data.exists():
            return
        # initdb works on a folder of another name, so that an interrupted one is never taken for a whole.
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._give_to_server(draft)
        choices = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", f"--username={SUPERUSER}"]
        unsafe = [] if self.durable else ["--no-sync"]
        initdb = self.server.program("initdb")
        postgres.must([initdb, "-D", str(draft), *choices, *unsafe], as_server=True)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\ninclude = '{cluster_settings.FILE}'\n")
        draft.rename(self.data)

    def _own_socket_folder(self) -> None:
        self.socket.mkdir(mode=0o700, exist_ok=True)
        if self.socket.lstat().st_uid == os.geteuid():
            self._give_to_server(self.socket)
        found = self.socket.lstat()
        if found.st_uid != postgres.account().pw_uid or not self.socket.is_dir() or found.st_mode & 0o77:
            raise Refusal(f"{self.socket} is not a folder of our own: delete it.")

    def _configure(self) -> None:
        text = cluster_settings.render(self.socket, durable=self.durable)
        file = self.data / cluster_settings.FILE
        file.write_text(text, encoding="utf-8")
        self._give_to_server(file)

    def _clear_remains(self) -> None:
        """Remove what a killed server left, when its process id now belongs to something else.

        PostgreSQL clears up by itself unless that id is in use, as it may be after a reboot. The last of its
        processes must be gone before, for they still write.
        """
        if self._written_pid() is None:
            return
        if not processes.wait_until(lambda: not processes.working_in(self.data), GRACE):
            raise Refusal(f"Processes of a killed server still work in {self.data}.")
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self.socket / name).unlink(missing_ok=True)

    def _launch(self) -> None:
        log = self.data / "server.log"
        if log.exists():
            log.replace(self.data / "server.log.1")
        command = [self.server.program("pg_ctl"), "start", "-D", str(self.data), "-l", str(log)]
        if postgres.attempt([*command, "-w", "-t", str(int(PATIENCE))], as_server=True).returncode:
            said = log.read_text(errors="replace").strip().split("\n") if log.exists() else []
            fatal = [line for line in said if "FATAL" in line or "ERROR" in line or "HINT" in line]
            raise Refusal(f"PostgreSQL does not start: {' '.join(fatal[-2:]) or 'see ' + str(log)}")

    def _give_to_server(self, path: Path) -> None:
        if os.geteuid() == 0:
            account = postgres.account()
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _written_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None


def main_cluster() -> Cluster:
    """Return the cluster of `make run`: its data last."""
    return Cluster(VAR / "pg")


def scratch_cluster() -> Cluster:
    """Return the cluster of the tests: fast, and worth nothing."""
    return Cluster(VAR / "test-pg", durable=False)


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or len(name) > NAME_ROOM:
        raise Refusal(f"{name!r} is no name for a database.")
