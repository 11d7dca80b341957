"""What a process needs of its database before it can work: ``ok``, or what is wrong and what to do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.outages import Outage

OK = "ok"
MIGRATIONS = Path(__file__).parents[1] / "migrations"
UPGRADE = "run `flask db upgrade`"

# A transaction of ours may be read-only because we asked for it; the default of the server is not ours.
_READ_ONLY = text("SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean")
_HAS_TABLES = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_REVISION = text("SELECT version_num FROM alembic_version")
_WRITE = text("CREATE TEMPORARY TABLE write_probe AS SELECT 1 AS written")
_FORGET = text("DROP TABLE write_probe")


@cache
def code_revisions() -> tuple[str | None, frozenset[str]]:
    """Return the newest migration of this code, and all that it knows."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    return script.get_current_head(), frozenset(each.revision for each in script.walk_revisions())


def is_new_enough(revision: str | None) -> bool:
    """Tell whether a database at this revision has all that the code needs.

    A revision that the code does not know is a newer one: during an update the database is migrated first, and
    migrations leave in place what the running version uses (docs/operations.md, "Updating").
    """
    head, known = code_revisions()
    return revision == head or (revision is not None and revision not in known)


def check_schema(session: Session) -> str:
    """Check that the migrations that this code needs were run."""
    if not session.scalar(_HAS_TABLES):
        return f"the tables are missing: {UPGRADE}"
    revision = session.scalar(_REVISION)
    if is_new_enough(revision):
        return OK
    return f"at {revision}, the code needs {code_revisions()[0]} or newer: {UPGRADE}"


def check_server(session: Session) -> str:
    """Check that this server takes writes."""
    return Outage.READ_ONLY.explain() if session.scalar(_READ_ONLY) else OK


def write_probe(session: Session) -> None:
    """Write a new file, and remove it: raises DiskFull also where an update of a row would still find room."""
    session.execute(_WRITE)
    session.execute(_FORGET)
