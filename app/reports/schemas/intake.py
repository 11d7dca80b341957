"""Wire shapes of intake: what a resident or a desk sends, what is similar, the catalogue."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from app.api.fields import IdempotencyKey, SpelledEnum, Text, letters_and_digits, photos_field, primary_language
from app.catalogue.city import Channel, Language
from app.catalogue.schemas import NamesOut
from app.geo.datums import Datum
from app.workorders.states import State

DESCRIPTION_LENGTH = 2000
ACCURACY_MOST_M = 100_000.0
_POSITION = (
    (-180.0, 180.0, "Longitude lies between -180 and 180 degrees."),
    (-90.0, 90.0, "Latitude lies between -90 and 90 degrees; is it swapped with the longitude?"),
)


def _degrees(low: float, high: float, error: str) -> validate.Range:
    return validate.Range(low, high, error=error)


class Key(Schema):
    """The header that makes a repeat harmless."""

    idempotency_key = IdempotencyKey("The client's own UUID: the same request sent again is the same report, for ever")


class NewReportIn(Schema):
    """What a resident sends: a multipart form with files, or JSON naming photos uploaded before."""

    photos = photos_field()
    lon = fields.Float(
        allow_none=True,
        validate=_degrees(*_POSITION[0]),
        metadata={"description": "Longitude in degrees of `datum`"},
    )
    lat = fields.Float(
        allow_none=True,
        validate=_degrees(*_POSITION[1]),
        metadata={"description": "Latitude in degrees of `datum`"},
    )
    accuracy = fields.Float(
        load_default=0.0,
        allow_none=True,
        validate=validate.Range(0, ACCURACY_MOST_M, error="Accuracy is a radius in metres, 0 to 100000."),
        metadata={"description": "Radius of the position's circle in metres"},
    )
    datum = SpelledEnum(
        Datum, letters_and_digits, allow_none=True, metadata={"description": "wgs84 where it is left out"}
    )
    item = Text(allow_none=True, validate=validate.Length(max=100))
    description = Text(load_default="", allow_none=True, validate=validate.Length(max=DESCRIPTION_LENGTH))
    contact = Text(
        allow_none=True,
        validate=validate.Length(max=254),
        metadata={"description": "E-mail address or phone number; stored encrypted"},
    )
    language = Text(load_default=None, allow_none=True, validate=validate.Length(max=35))
    same_as = Text(allow_none=True, validate=validate.Length(max=32), metadata={"description": "Id from /similar"})
    none_of_them = fields.Boolean(
        load_default=False,
        metadata={"description": "They were shown what is similar, and said that it is none of those"},
    )

    @pre_load
    def _leave_out_nulls(self, data: Any, **_: Any) -> Any:
        """Read a null as left out: many clients write every member that they know."""
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}

    @validates_schema
    def _both_or_none(self, data: dict[str, Any], **_: Any) -> None:
        if ("lon" in data) != ("lat" in data):
            missing = "lat" if "lon" in data else "lon"
            raise ValidationError({missing: ["Send lon and lat together, or neither."]})


class DeskReportIn(NewReportIn):
    """What a caller, a visitor or a patrol tells; the contact is theirs, and the link in the answer is for them."""

    channel = fields.Enum(
        Channel,
        by_value=True,
        required=True,
        metadata={"description": "How it came to the desk, one of the city's channels"},
    )


class SimilarIn(Schema):
    """Where to look for the same problem."""

    lon = fields.Float(required=True, validate=_degrees(*_POSITION[0]))
    lat = fields.Float(required=True, validate=_degrees(*_POSITION[1]))
    datum = SpelledEnum(Datum, letters_and_digits, load_default=Datum.WGS84)
    item = Text(validate=validate.Length(max=100))
    accuracy = fields.Float(load_default=0.0, validate=validate.Range(0, 1_000_000), metadata={"description": "Metres"})


class AltOut(Schema):
    """What a picture shows, in words."""

    zh = fields.String(required=True)
    en = fields.String(required=True)


class SimilarOut(Schema):
    """A work order that may be about the same problem."""

    id = fields.String(required=True)
    item = fields.Nested(NamesOut, required=True)
    state = fields.Enum(State, by_value=True, required=True)
    opened_at = fields.AwareDateTime(required=True)
    distance_m = fields.Float(required=True)
    reports = fields.Integer(required=True)
    thumbnail = fields.Url(required=True, allow_none=True)
    alt = fields.Nested(AltOut, required=True, allow_none=True, metadata={"description": "What the thumbnail shows"})
    why = fields.Nested(AltOut, required=True, metadata={"description": "In short why it may be the same"})


class ItemIn(Schema):
    """Words to search the catalogue for."""

    q = Text(load_default="", validate=validate.Length(max=100))
    language = SpelledEnum(Language, primary_language, load_default=Language.ZH)


class ItemOut(NamesOut):
    """An item of the catalogue."""

    kind = fields.String(required=True)
    major_zh = fields.String(required=True)
    major_en = fields.String(required=True)
    urgency = fields.String(required=True)
