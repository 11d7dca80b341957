"""The one place that writes ``application/problem+json`` (RFC 9457), whatever was raised."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import psycopg.errors
from flask import Response, current_app, request
from marshmallow import INCLUDE, Schema, fields
from marshmallow.exceptions import SCHEMA
from sqlalchemy.exc import DataError, IntegrityError
from werkzeug.exceptions import HTTPException

from app.api.rule import matched_rule
from app.errors import BadRequest, Conflict, Problem, Unavailable
from app.logs import request_id
from app.outages import Outage, outage_of

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"
ERRORS_MOST = 20

# What a broken constraint means to the person who asked. Whatever is not named here is a fault of ours: 500.
CONSTRAINTS: dict[str, tuple[type[Problem], str]] = {
    "pk_taken_steps": (Conflict, "This Idempotency-Key stands for a step with another work order; use a new UUID."),
    "uq_reports_idempotency_key": (Conflict, "This Idempotency-Key was used a moment ago; send the request again."),
    "uq_staff_name": (Conflict, "Another account has this name; add something that tells the two apart."),
    "uq_staff_login": (Conflict, "Another account has this login."),
    "uq_staff_subject": (Conflict, "Somebody else has just signed on as the same person."),
}
OUTAGES = {
    Outage.BUSY: "Others are at work on the same thing, or the database has too much to do. Nothing was kept of this "
    "request",
    Outage.READ_ONLY: "The database takes no writes at the moment. Nothing was kept of this request",
    Outage.DISK_FULL: "The database has no room on its disk. Nothing was kept of this request",
    # It may have gone right after the commit.
    Outage.AWAY: "The database does not answer",
}
_SLUGS = {413: "too-large", 422: "unprocessable", 429: "too-many", 400: "bad-request", 404: "not-found"}


class ProblemSchema(Schema):
    """A problem as RFC 9457 has it; extension members may follow."""

    class Meta:
        """A client must ignore members that it does not know (RFC 9457, 3.2)."""

        unknown = INCLUDE

    type = fields.Url(
        required=True, metadata={"description": "Names the kind of problem; docs/problems.md explains it"}
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(metadata={"description": "What happened and what to do"})
    instance = fields.String(metadata={"description": "The request's id, as in our logs"})
    errors = fields.List(fields.Dict(), metadata={"description": "Each fault of a payload: pointer (RFC 6901), detail"})


def describe(
    slug: str, title: str, status: int, detail: str, members: dict[str, Any] | None, *, public_url: str
) -> dict[str, Any]:
    """Give the members of a problem; reserved members win over extension members."""
    body = {
        **(members or {}),
        "type": f"{public_url}/problems#{slug}",
        "title": title,
        "status": status,
        "instance": f"urn:request:{request_id.get()}",
    }
    if detail:
        body["detail"] = detail
    return body


def render(slug: str, title: str, status: int, detail: str, members: dict[str, Any] | None = None) -> Response:
    """Write a problem."""
    body = describe(slug, title, status, detail, members, public_url=current_app.config["PUBLIC_URL"])
    return Response(json.dumps(body, ensure_ascii=False, default=str), status=status, content_type=MEDIA_TYPE)


def from_problem(problem: Problem) -> Response:
    """Write one of our own refusals."""
    members = dict(problem.members)
    if "errors" in members:
        members["errors"] = _cut(members["errors"])
    response = render(problem.slug(), problem.title, problem.status, problem.detail, members)
    response.headers.extend(problem.headers)
    return response


def _pointers(messages: Any, prefix: str = "") -> Iterator[dict[str, str]]:
    """Walk what marshmallow says; the empty pointer is the whole document, as its key ``_schema`` means."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _pointers(inner, prefix if key == SCHEMA else f"{prefix}/{escape_pointer(key)}")
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield {"pointer": prefix, "detail": str(message)}


def escape_pointer(key: Any) -> str:
    """Write a member's name as a JSON Pointer has it (RFC 6901, 3)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def _cut(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    """Give the first faults and how many more there are: an answer must not grow with what was sent."""
    more = len(lines) - ERRORS_MOST
    return lines if more <= 0 else [*lines[:ERRORS_MOST], {"pointer": "", "detail": f"And {more} more faults."}]


def from_http(error: HTTPException) -> Response:
    """Write what Werkzeug, webargs or smorest raised, with the headers it brought (Allow, Retry-After)."""
    status = error.code or 500
    data: dict[str, Any] = getattr(error, "data", None) or {}
    members: dict[str, Any] = {}
    detail = error.description or ""
    if isinstance(data.get("messages"), dict):
        # webargs nests by location; the location is not part of the document that the pointer points into.
        members["errors"] = _cut([line for part in data["messages"].values() for line in _pointers(part)])
        detail = "; ".join(": ".join(filter(None, line.values())) for line in members["errors"])
    slug = _SLUGS.get(status, error.name.lower().replace(" ", "-"))
    response = render(slug, error.name, status, detail, members)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def unavailable(error: Exception) -> Unavailable | None:
    """Log a failure of the database that passes and describe it; None where it is a fault of ours."""
    outage = outage_of(error)
    if outage is None:
        return None
    if outage is Outage.BUSY:
        log.warning("database is busy", extra={"cause": type(getattr(error, "orig", None) or error).__name__})
    else:
        log.error("database is not available", extra={"outage": outage}, exc_info=error)
    problem = Unavailable(f"{OUTAGES[outage]}; send the same request again in a while.")
    problem.headers["Retry-After"] = RETRY_SECONDS
    return problem


def from_constraint(error: IntegrityError) -> Response:
    """Translate a broken constraint by its name; an unknown one is a fault of ours."""
    cause = error.orig
    name = cause.diag.constraint_name if isinstance(cause, psycopg.errors.IntegrityError) else None
    if name not in CONSTRAINTS:
        return from_anything(error)
    kind, detail = CONSTRAINTS[name]
    return from_problem(kind(detail))


def from_data(error: DataError) -> Response:
    """Say that a value cannot be a value of the database, such as a NUL character in a path."""
    log.warning("value refused by the database", extra={"cause": type(error.orig).__name__})
    return from_problem(BadRequest("A value of the request holds a character that text cannot have."))


def from_anything(error: Exception) -> Response:
    """Answer 503 where the database is not available; log what nobody foresaw, by the rule and not by the path."""
    problem = unavailable(error)
    if problem is not None:
        return from_problem(problem)
    log.error("unforeseen error", exc_info=error, extra={"route": matched_rule()})
    return render("problem", Problem.title, 500, "Tell us the value of `instance`; our logs have it.")


def from_error(error: Exception) -> Response:
    """Write any error as a problem, by the nearest of its kinds."""
    write = next(write for kind, write in _WRITERS if isinstance(error, kind))
    answer: Response = write(error)
    return answer


# The most special first.
_WRITERS: tuple[tuple[type[Exception], Any], ...] = (
    (Problem, from_problem),
    (HTTPException, from_http),
    (IntegrityError, from_constraint),
    (DataError, from_data),
    (Exception, from_anything),
)
