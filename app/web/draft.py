"""What a person has typed and sent so far, and what can be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from marshmallow import EXCLUDE, Schema, ValidationError
from werkzeug.datastructures import MultiDict

from app.errors import Unprocessable
from app.media import service as media
from app.media.errors import PhotoTooLarge, TooManyPhotos, UnreadablePhoto
from app.reports.schemas import NewReportIn

FIELDS = ("lon", "lat", "accuracy", "datum", "item", "description", "contact", "same_as")


@dataclass(slots=True)
class Draft:
    """The fields as they were typed; ``photo_ids`` are photos that are stored and not yet claimed.

    ``key`` makes a double tap file once; ``another`` says that the report is none of those nearby.
    """

    values: dict[str, str] = field(default_factory=dict)
    photo_ids: list[UUID] = field(default_factory=list)
    key: UUID = field(default_factory=uuid4)
    another: bool = False

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> Draft:
        """Read a form; ids that are no ids are left out."""
        values = {name: form[name].strip() for name in FIELDS if form.get(name, "").strip()}
        key = _read_id(form.get("key", "")) or uuid4()
        return cls(values, read_ids(form), key, bool(form.get("another")))

    def fields(self, language: str) -> dict[str, Any]:
        """Give the fields as the API reads them. Raises Unprocessable."""
        fields = load(NewReportIn, self.values)
        fields.pop("photos")
        return fields | {"language": language}


def accept_each(uploads: Sequence[media.Upload], *, kept: int) -> tuple[list[media.Accepted], Exception | None]:
    """Accept photos beside the ``kept`` ones, one by one: a bad one must not cost a resident the good ones.

    Gives the good ones and the first refusal. Raises TooManyPhotos, DecoderUnavailable, StoreUnavailable.
    """
    if kept + len(uploads) > media.MOST_PHOTOS:
        raise TooManyPhotos(count=kept + len(uploads), limit=media.MOST_PHOTOS)
    accepted: list[media.Accepted] = []
    refusal = None
    for upload in uploads:
        try:
            accepted += media.accept(media.current(), [upload])
        except (PhotoTooLarge, UnreadablePhoto) as problem:
            refusal = refusal or problem
    return accepted, refusal


def read_ids(form: MultiDict[str, str]) -> list[UUID]:
    """Give the ids of the photos that a form carries, each once."""
    ids = [photo_id for text in form.getlist("photo_ids") if (photo_id := _read_id(text))]
    return list(dict.fromkeys(ids))


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def load(schema: type[Schema], values: Mapping[str, Any]) -> dict[str, Any]:
    """Read fields as the API does. Raises Unprocessable."""
    try:
        fields: dict[str, Any] = schema(unknown=EXCLUDE).load(values)
    except ValidationError as fault:
        errors = [{"pointer": f"/{name}", "detail": " ".join(said)} for name, said in dict(fault.messages_dict).items()]
        raise Unprocessable(" ".join(error["detail"] for error in errors), errors=errors) from fault
    return fields
