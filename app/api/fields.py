"""Fields of request bodies that more than one feature takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

PHOTOS_MOST = 6


class Text(fields.String):
    """Words of a person: trimmed; what PostgreSQL cannot store (NUL, lone surrogates) is left out or replaced."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        return text.replace("\x00", "").encode(errors="replace").decode().strip()


class Moment(fields.AwareDateTime):
    """A moment that a person or a client writes: with its time zone."""

    default_error_messages: dict[str, str | list[Any] | dict[Any, Any]] = {  # noqa: RUF012  # marshmallow has it so
        "invalid": "Not a moment. Write 2026-12-01T09:00:00+08:00; in an address the + is %2B.",
        "invalid_awareness": "Add the time zone: 2026-12-01T09:00:00+08:00, or Z; in an address the + is %2B.",
    }


def photos_field() -> fields.List[Any]:
    """Give the field of a schema that takes photos."""
    return fields.List(
        fields.Raw(metadata={"type": "string", "format": "binary"}),
        load_default=list,
        metadata={"description": "Up to six files; in JSON the ids of photos that were uploaded before"},
        validate=validate.Length(max=PHOTOS_MOST, error=f"At most {PHOTOS_MOST} photos."),
    )
