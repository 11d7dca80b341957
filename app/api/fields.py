"""Fields of request bodies that more than one feature takes."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
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


class IdempotencyKey(fields.UUID):
    """The client's own UUID, plain or as the quoted string of the IETF's draft (draft-ietf-httpapi-idempotency-key)."""

    default_error_messages: dict[str, str | list[Any] | dict[Any, Any]] = {  # noqa: RUF012  # marshmallow has it so
        "empty": "The key is empty. Send a UUID of your own, or leave the header out.",
        "invalid_uuid": "The key is no UUID. Send one, such as 01890a5d-ac96-774b-bcce-b302099a8057.",
    }

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(data_key="Idempotency-Key", metadata={"description": description}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        plain = str(value).strip().removeprefix('"').removesuffix('"').strip()
        if not plain:
            raise self.make_error("empty")
        return super()._deserialize(plain, attr, data, **kwargs)


class LanguageTag(fields.String):
    """A language by its primary subtag, whatever follows it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return primary_language(super()._deserialize(value, attr, data, **kwargs))


class SpelledEnum(fields.Enum[enum.StrEnum]):
    """A member of an enum by its value, in any spelling that ``spell`` turns into a value."""

    def __init__(self, members: type[enum.StrEnum], spell: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(members, by_value=True, **kwargs)
        self._spell = spell

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return super()._deserialize(self._spell(value) if isinstance(value, str) else value, attr, data, **kwargs)


def primary_language(tag: str) -> str:
    """Give the primary subtag of a language tag (RFC 5646) or of a locale: ``zh-Hans-CN`` and ``zh_CN`` are ``zh``."""
    return re.split("[-_.]", tag.strip().lower(), maxsplit=1)[0]


def letters_and_digits(name: str) -> str:
    """Spell a name without case, spaces and dashes: ``GCJ-02`` is ``gcj02``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def photos_field() -> fields.List[Any]:
    """Give the field of a schema that takes photos."""
    return fields.List(
        fields.Raw(metadata={"type": "string", "format": "binary"}),
        load_default=list,
        metadata={"description": "Up to six files; in JSON the ids of photos that were uploaded before"},
        validate=validate.Length(max=PHOTOS_MOST, error=f"At most {PHOTOS_MOST} photos."),
    )
