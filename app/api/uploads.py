"""Photos in a request: files of a multipart form, or ids of photos uploaded before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from werkzeug.datastructures import FileStorage

from app.errors import Unprocessable


def read_uploads(values: Sequence[Any]) -> tuple[list[tuple[str, bytes]], list[UUID]]:
    """Split what a photos field brought into files (name, bytes) and ids. An empty file input of a form is nothing."""
    files = [(value.filename or "photo", value.read()) for value in values if isinstance(value, FileStorage)]
    ids = [_read_id(value) for value in values if not isinstance(value, FileStorage)]
    return [(name, data) for name, data in files if data or name != "photo"], ids


def _read_id(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        detail = "Send photos as files of a multipart form, or as ids of photos that were uploaded before."
        raise Unprocessable(detail, errors=[{"pointer": "/photos", "detail": detail}]) from None
