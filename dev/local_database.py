"""The city's database in the PostgreSQL of this machine: Debian's own cluster, two roles, one database."""

import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dev import postgres
from dev.cluster import APP, EXTENSIONS, OWNER
from dev.console import Refusal, say

DATABASE = "suishoupai"
CLUSTER = "main"
PASSWORD_BYTES = 24
_ROLES = {APP: "DATABASE_URL", OWNER: "DATABASE_OWNER_URL"}


def ensure(settings: Path) -> Mapping[str, str]:
    """Make cluster, roles and database where they are missing.

    Return the settings that name them, or nothing where `settings` has them already.
    """
    server = postgres.with_postgis()[0]
    if not _clusters():
        say(f"Making a cluster of PostgreSQL {server.version}")
        _run("pg_createcluster", str(server.version), CLUSTER)
    version, name, port = _clusters()[0]
    _run("pg_ctlcluster", version, name, "start", fine=(0, 2))  # 2: it runs already
    passwords = {role: secrets.token_hex(PASSWORD_BYTES) for role in _ROLES if not _has_url(settings, _ROLES[role])}
    for role, password in passwords.items():
        verb = "ALTER" if _ask(port, f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'") else "CREATE"
        _ask(port, f"{verb} ROLE {role} LOGIN PASSWORD '{password}'")
    if not _ask(port, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):
        say(f"Making the database {DATABASE}")
        _ask(port, f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'")
    for extension in EXTENSIONS:
        _ask(port, f"CREATE EXTENSION IF NOT EXISTS {extension}", DATABASE)
    address = f"@127.0.0.1:{port}/{DATABASE}"
    return {_ROLES[role]: f"postgresql+psycopg://{role}:{password}{address}" for role, password in passwords.items()}


def _has_url(settings: Path, name: str) -> bool:
    files = (file.read_text(encoding="utf-8") for file in settings.glob("*.env"))
    return any(re.search(rf"^{name}=\S", text, re.MULTILINE) for text in files)


def _clusters() -> list[tuple[str, str, str]]:
    """Return version, name and port of the clusters that Debian's tools know."""
    if shutil.which("pg_lsclusters") is None:
        raise Refusal("pg_lsclusters is missing: install postgresql-common.")
    listed = subprocess.run(["pg_lsclusters", "-h"], capture_output=True, text=True, check=False).stdout
    return [(words[0], words[1], words[2]) for words in map(str.split, listed.splitlines())]


def _ask(port: str, sql: str, database: str = "postgres") -> str:
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-p", port, "-d", database, "-f", "-"]
    return postgres.must(command, text=sql, as_server=True)


def _run(*command: str, fine: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in fine:
        raise Refusal(f"{command[0]} failed: {done.stderr.strip() or done.returncode}")
