"""A server process and the folder it lives in: made, started, ended and cleared up after."""

import os
import shutil
import signal
from pathlib import Path

from dev import cluster_settings, postgres, processes
from dev.console import Refusal
from dev.places import socket_folder

SUPERUSER = "postgres"
PATIENCE = 60.0  # seconds; a start after a crash may have much to replay
GRACE = 20.0


class Postmaster:
    """The server of the cluster in `home`. Nothing here locks: that is the business of the caller."""

    def __init__(self, home: Path, *, durable: bool) -> None:
        self.home = home
        self.data = home / "data"
        self._durable = durable

    @property
    def socket(self) -> Path:
        """The folder of the socket."""
        return socket_folder(self.home, postgres.account().pw_uid)

    @property
    def server(self) -> postgres.Server:
        """The installed version that these data are of, or will be."""
        return postgres.server_for(self.data)

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        pid = self._written_pid()
        return pid if pid is not None and processes.works_in(pid, self.data) else None

    def start(self) -> None:
        """Make the data folder when there is none, and start the server; return when it takes connections."""
        if self.data.exists() and self.data.stat().st_uid != postgres.account().pw_uid:
            raise Refusal(f"{self.data} belongs to another account: run as that one, or delete the data with it.")
        self._initialise()
        self._own_socket_folder()
        self._configure()
        self._clear_remains()
        self._launch()

    def stop(self) -> None:
        """Stop the server; open connections are ended."""
        command = [self.server.program("pg_ctl"), "stop", "-D", str(self.data), "-w", "-t", str(int(GRACE))]
        failed = postgres.attempt([*command, "-m", "fast"], as_server=True).returncode
        if failed and self.pid is not None:
            postgres.must([*command, "-m", "immediate"], as_server=True)

    def kill(self) -> None:
        """Kill the server as a crash would; return when its last process is gone."""
        pid = self.pid
        if pid is not None:
            processes.send(pid, signal.SIGKILL)
        self._wait_for_the_last()

    def _initialise(self) -> None:
        if self.data.exists():
            return
        # initdb works on a folder of another name, so that an interrupted one is never taken for a whole.
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _give_to_server(draft)
        choices = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", f"--username={SUPERUSER}"]
        unsafe = [] if self._durable else ["--no-sync"]
        initdb = self.server.program("initdb")
        postgres.must([initdb, "-D", str(draft), *choices, *unsafe], as_server=True)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\ninclude = '{cluster_settings.FILE}'\n")
        draft.rename(self.data)

    def _own_socket_folder(self) -> None:
        self.socket.mkdir(mode=0o700, exist_ok=True)
        if self.socket.lstat().st_uid == os.geteuid():
            _give_to_server(self.socket)
        found = self.socket.lstat()
        ours = found.st_uid == postgres.account().pw_uid and not found.st_mode & 0o77
        if not ours or self.socket.is_symlink() or not self.socket.is_dir():
            raise Refusal(f"{self.socket} is not a folder of our own: delete it.")

    def _configure(self) -> None:
        file = self.data / cluster_settings.FILE
        file.write_text(cluster_settings.render(self.socket, durable=self._durable), encoding="utf-8")
        _give_to_server(file)

    def _clear_remains(self) -> None:
        """Remove what a killed server left, when its process id now belongs to something else.

        PostgreSQL clears up by itself unless that id is in use, as it may be after a reboot. The last of its
        processes must be gone before, for they still write.
        """
        if self._written_pid() is None:
            return
        self._wait_for_the_last()
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
            reasons = [line for line in said if "FATAL" in line or "HINT" in line]
            raise Refusal(f"PostgreSQL does not start: {' '.join(reasons[-2:]) or 'see ' + str(log)}")

    def _wait_for_the_last(self) -> None:
        if not processes.wait_until(lambda: not processes.working_in(self.data), GRACE):
            raise Refusal(f"Processes of a killed server still work in {self.data}.")

    def _written_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        account = postgres.account()
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
