"""The PostgreSQL that Debian installs: where its programs lie and as whom they run."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.console import Refusal

OLDEST = 15
LIBRARY = Path("/usr/lib/postgresql")
SHARED = Path("/usr/share/postgresql")
NEEDED = ("initdb", "pg_ctl", "postgres", "psql")
ACCOUNT = "postgres"  # Debian's account for PostgreSQL, which refuses to run as root


@dataclass(frozen=True, slots=True)
class Server:
    """One installed major version. Its programs are called by full path: PATH may hold wrappers or another version."""

    version: int
    programs: Path

    def program(self, name: str) -> str:
        """Return the full path of a program of this version."""
        return str(self.programs / name)


def installed(library: Path = LIBRARY) -> list[Server]:
    """Return the complete servers that are new enough, newest first."""
    found = [
        Server(int(folder.name), folder / "bin")
        for folder in library.glob("*")
        if folder.name.isdigit() and int(folder.name) >= OLDEST
    ]
    whole = [server for server in found if all((server.programs / name).is_file() for name in NEEDED)]
    return sorted(whole, key=lambda server: server.version, reverse=True)


def with_postgis(library: Path = LIBRARY, shared: Path = SHARED) -> list[Server]:
    """Return the installed servers that have PostGIS, newest first."""
    return [
        server
        for server in installed(library)
        if (shared / str(server.version) / "extension" / "postgis.control").exists()
    ]


def server_for(data: Path) -> Server:
    """Return the server for a data folder: the version that made it, or the newest when there is none yet."""
    servers = with_postgis()
    try:
        version = int((data / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        if not servers:
            raise Refusal("PostgreSQL with PostGIS is not installed. Run: make setup") from None
        return servers[0]
    for server in servers:
        if server.version == version:
            return server
    raise Refusal(
        f"The data in {data} are of PostgreSQL {version}, which is not installed with PostGIS. "
        f"Install PostGIS for PostgreSQL {version}, or delete the data with make reset."
    )


def account() -> pwd.struct_passwd:
    """Return the account that the server runs as: ours, or Debian's `postgres` when we are root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise Refusal(f"There is no account {ACCOUNT}: install PostgreSQL with make setup.") from None


def may_enter(folder: Path) -> bool:
    """Tell whether the account of the server may enter a folder; true when there is no such account yet."""
    if os.geteuid() != 0 or not any(entry.pw_name == ACCOUNT for entry in pwd.getpwall()):
        return True
    return attempt(["test", "-x", str(folder)], as_server=True).returncode == 0


def attempt(command: Sequence[str], *, text: str = "", as_server: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a PostgreSQL program with `text` as its input; `as_server` as the account of the server.

    The settings that a user has for other servers (PGHOST and its like) do not reach it.
    """
    before: list[str] = []
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    env |= {"LC_ALL": "C.UTF-8"}
    if as_server and os.geteuid() == 0:
        before = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", "--"]
        env["HOME"] = account().pw_dir
    # The root folder, for the server's account may not enter the one that we are in.
    return subprocess.run(
        [*before, *command], input=text, capture_output=True, text=True, cwd="/", env=env, check=False
    )


def must(command: Sequence[str], *, text: str = "", as_server: bool = False) -> str:
    """Run a PostgreSQL program and return its output; a failure is a Refusal with what it said."""
    result = attempt(command, text=text, as_server=as_server)
    if result.returncode:
        said = " ".join((result.stderr.strip() or result.stdout.strip()).split("\n")[-3:])
        raise Refusal(f"{Path(command[0]).name} failed: {said or result.returncode}")
    return result.stdout.rstrip("\n")
