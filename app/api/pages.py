"""Pages of a list: a limit, and an opaque cursor that stands for the last row of the page before."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from marshmallow import Schema, fields, validate

from app.errors import Unprocessable

MOST = 200
Row = TypeVar("Row")


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
