"""GET /statusz: the status for monitoring."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from app.api.guard import public
from app.silence import begin_budget
from app.status.service import as_json, log_alarms, take_status

blp = Blueprint("status", __name__)

WAIT_S = 10


@blp.get("/statusz")
@public
def statusz() -> Response:
    """Tell how the whole service does: 200, or 503 with the alarms"""
    begin_budget(WAIT_S)
    status, alarms = take_status(current_app.config["SETTINGS"])
    known = current_app.extensions.get("alarms", set())
    log_alarms([alarm for alarm in alarms if alarm.name not in known])
    current_app.extensions["alarms"] = {alarm.name for alarm in alarms}
    answer = jsonify(as_json(status, alarms))
    answer.headers["Cache-Control"] = "no-store"
    answer.status_code = 503 if alarms else 200
    return answer
