"""Query parameters that an operation does not know are refused: a filter that is ignored answers too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from flask import Flask, current_app, request
from marshmallow import EXCLUDE, Schema

from app.api.problems import escape_pointer
from app.errors import Unprocessable

API = "/api/v1/"


def install(app: Flask) -> None:
    """Refuse unknown query parameters of every operation of ``app`` under /api/v1."""
    app.before_request(check_query)


def check_query() -> None:
    """Compare the query with the schemas of the operation. Raises Unprocessable with the known names."""
    if request.endpoint is None or not request.path.startswith(API):
        return
    known = known_names(current_app.view_functions[request.endpoint])
    if known is not None:
        refuse_unknown(request.args, known)


def refuse_unknown(names: Iterable[str], known: Sequence[str]) -> None:
    """Refuse the names of query parameters that are not among the known. Raises Unprocessable."""
    unknown = sorted(set(names) - set(known))
    if not unknown:
        return
    named = f"It takes {', '.join(known)}." if known else "It takes none."
    raise Unprocessable(
        f"This operation does not know every query parameter that came. {named}",
        errors=[{"pointer": f"/{escape_pointer(name)}", "detail": "Unknown query parameter."} for name in unknown],
        known=list(known),
    )


@cache
def known_names(view: Callable[..., Any]) -> list[str] | None:
    """Give the query parameters that a view's schemas declare; None where one of them takes any."""
    arguments = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    schemas = [_instance(each["schema"]) for each in arguments if each["in"] == "query"]
    if any(schema.unknown == EXCLUDE for schema in schemas):
        return None
    return sorted({field.data_key or name for schema in schemas for name, field in schema.load_fields.items()})


def _instance(schema: Schema | type[Schema]) -> Schema:
    return schema() if isinstance(schema, type) else schema
