"""Is it alive, and is it ready: /healthz for the process, /readyz for what it needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.api.guard import public
from app.db import Reading

blp = Blueprint("health", __name__)

MIGRATIONS = Path(__file__).parents[2] / "migrations"
HEARTBEAT_SECONDS = 60


@blp.get("/healthz")
@public
def healthz() -> Response:
    """Say that the process answers."""
    return jsonify(status="ok")


@blp.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Say whether database, migrations, city and worker are there; 503 with the reasons where they are not."""
    parts = check_parts()
    ready = all(state == "ok" for state in parts.values())
    return jsonify(status="ok" if ready else "not ready", **parts), 200 if ready else 503


@cache
def head_revision() -> str | None:
    """Give the newest migration that the code knows."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


_STATE = text("""
    SELECT (SELECT version_num FROM alembic_version) AS revision,
           (SELECT max(number) FROM pack_versions) AS city,
           (SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers) AS heartbeat
""")


def check_parts() -> dict[str, str]:
    """Ask every part that a request needs: ``ok`` or what is wrong and what to do."""
    try:
        with Reading() as session:
            state = session.execute(_STATE).one()
    except SQLAlchemyError:
        return {"database": "does not answer, or its tables are missing: run `flask db upgrade`"}
    parts = {"database": "ok", "migrations": "ok", "city": "ok", "worker": "ok"}
    if state.revision != head_revision():
        parts["migrations"] = f"at {state.revision}, the code needs {head_revision()}: run `flask db upgrade`"
    if state.city is None:
        parts["city"] = "none is loaded: run `flask city load PATH`"
    if state.heartbeat is None or state.heartbeat > HEARTBEAT_SECONDS:
        parts["worker"] = "no heartbeat for a minute: start `flask worker`"
    return parts
