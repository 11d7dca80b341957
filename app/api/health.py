"""Is it alive, and is it ready: /healthz for the process, /readyz for what this process needs to serve."""

from __future__ import annotations

import logging
import time

from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.orm import Session as SessionType

from app.api.guard import public
from app.api.problems import RETRY_SECONDS
from app.db import Reading, Session
from app.installation import OTHER_KEY, Installation, find_installation, has_other_key
from app.outages import outage_of
from app.readiness import OK, check_schema, check_server, write_probe
from app.silence import begin_budget

log = logging.getLogger(__name__)
blp = Blueprint("health", __name__)

WAIT_S = 5
PROBE_SECONDS = 10
STORE_SECONDS = 30
_CITY = text("SELECT max(number) FROM pack_versions")


@blp.get("/healthz")
@public
def healthz() -> Response:
    """Say that the process answers."""
    return jsonify(status="ok")


@blp.get("/readyz")
@public
def readyz() -> Response:
    """Say whether this process can serve; 503 with the reasons where it cannot."""
    begin_budget(WAIT_S)
    parts = check_parts()
    ready = all(state == OK for state in parts.values())
    _log_change(parts, ready=ready)
    answer = jsonify(status="ok" if ready else "not ready", **parts)
    if not ready:
        answer.status_code = 503
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


def check_parts() -> dict[str, str]:
    """Check every part that a request needs: ``ok``, or what is wrong and what to do."""
    try:
        with Reading() as session:
            parts = {"database": check_server(session), "schema": check_schema(session)}
            if parts["schema"] == OK:
                parts |= _check_contents(session)
        if parts["database"] == OK:
            _write_now_and_then()
    except Exception as error:
        outage = outage_of(error)
        if outage is None:
            raise
        return {"database": outage.explain()}
    return parts | {"front_end": current_app.extensions["check_front_end"]() or OK}


def _check_contents(session: SessionType) -> dict[str, str]:
    """Check what the database was set up with: the city, the secret key, the store of photos."""
    city = session.scalar(_CITY)
    other_key = has_other_key(session, current_app.config["SETTINGS"])
    return {
        "city": OK if city else "none is loaded: run `flask city load PATH`",
        "key": OTHER_KEY if other_key else OK,
        "store": _check_store(find_installation(session)),
    }


def _check_store(installation: Installation | None) -> str:
    """Check the store of photos, unless this process did so a while ago."""
    if installation is None or installation.store_marked_at is None:
        return OK
    now = time.monotonic()
    until, state = current_app.extensions.get("store_state", (0.0, ""))
    if now >= until:
        state = current_app.extensions["check_store"](installation.store_id)
        current_app.extensions["store_state"] = (now + STORE_SECONDS, state)
    return state or OK


def _write_now_and_then() -> None:
    """Write to the database, unless this process did so a few seconds ago."""
    now = time.monotonic()
    if now < current_app.extensions.get("written_until", 0.0):
        return
    with Session.begin() as session:
        write_probe(session)
    current_app.extensions["written_until"] = now + PROBE_SECONDS


def _log_change(parts: dict[str, str], *, ready: bool) -> None:
    """Log once what is missing, and once that nothing is missing any more."""
    before = current_app.extensions.get("readiness")
    current_app.extensions["readiness"] = parts
    if parts == before:
        return
    if not ready:
        log.error("not ready", extra={name: state for name, state in parts.items() if state != OK})
    elif before is not None:
        log.info("ready again")
