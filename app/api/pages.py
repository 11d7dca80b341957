"""Pages of a list: a limit, and an opaque cursor that stands for the last row of the page before."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from marshmallow import Schema, fields, validate

from app.errors import Unprocessable

MOST = 200
# What a cursor of such a list holds: when, and the key.
BY_TIME = (dt.datetime.fromisoformat, UUID)
Row = TypeVar("Row")


class Listed(Protocol):
    """A row of a list."""

    id: Any


Timed = TypeVar("Timed", bound=Listed)


class PageIn(Schema):
    """Which page of a list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, MOST))
    cursor = fields.String(load_default=None, metadata={"description": "`next` of the page before"})


def read_cursor(text: str | None, *kinds: Callable[[str], Any]) -> list[Any] | None:
    """Give the values that a cursor stands for, each read by its kind. Raises Unprocessable for a foreign one."""
    if not text:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return [kind(str(value)) for kind, value in zip(kinds, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, RecursionError):
        detail = "Send `next` of the page before as it was, or leave the cursor out."
        raise Unprocessable(detail, errors=[{"pointer": "/cursor", "detail": detail}]) from None


def write_cursor(values: Sequence[Any]) -> str:
    """Give the cursor of a row's values."""
    text = json.dumps(list(values), default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page(rows: Sequence[Row], limit: int, values: Callable[[Row], Sequence[Any]]) -> tuple[list[Row], str | None]:
    """Cut a list that was read one row too long to a page; give it with the cursor of the next one."""
    if len(rows) <= limit:
        return list(rows), None
    return list(rows[:limit]), write_cursor(values(rows[limit - 1]))


def time_page(name: str, rows: Sequence[Timed], limit: int, moment: str) -> dict[str, Any]:
    """Give the answer of a list in the order of ``moment`` and ``id``: the rows under ``name``, and ``next``."""
    shown, following = page(rows, limit, lambda row: (getattr(row, moment).isoformat(), row.id))
    return {name: shown, "next": following}
