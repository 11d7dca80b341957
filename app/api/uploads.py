"""Photos in a request: files of a multipart form, or ids of photos uploaded before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from marshmallow import fields, validate
from werkzeug.datastructures import FileStorage

from app.errors import Unprocessable

PHOTOS_MOST = 6


def photos_field() -> fields.List[Any]:
    """Give the field of a schema that takes photos."""
    return fields.List(
        fields.Raw(metadata={"type": "string", "format": "binary"}),
        load_default=list,
        metadata={"description": "Up to six files; in JSON the ids of photos that were uploaded before"},
        validate=validate.Length(max=PHOTOS_MOST, error=f"At most {PHOTOS_MOST} photos."),
    )


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
