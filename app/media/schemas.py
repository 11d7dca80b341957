"""Wire shapes of photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.fields import Text
from app.media.masks import is_box
from app.media.models import Decision, UploadState

_SOURCES = ("detector", "staff")
_KINDS = ("face", "plate", "other")
_MOST_BOXES = 100
# A browser that does not know a file's type names none, and a camera's gallery any: the content decides.
_ANY = "application/octet-stream"
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif", "image/gif", _ANY)
_OTHER_NAMES = {
    "": _ANY,
    "binary/octet-stream": _ANY,
    "image/*": _ANY,
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
}


def media_type_of(name: str) -> str:
    """Spell a media type as it is registered, without its parameters: ``Image/JPG`` is ``image/jpeg``."""
    plain = name.partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(plain, plain)


class MediaTypeField(fields.String):
    """The type of a picture, in any of its names; none and ``application/octet-stream`` leave it to the content."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return media_type_of(super()._deserialize(value, attr, data, **kwargs))


class SignatureSchema(Schema):
    """What proves that a link to a rendition is ours. Without it the link is as wrong as with a wrong one."""

    sig = fields.String(load_default="", metadata={"description": "The signature, as it stands in the link"})


class ContentSchema(SignatureSchema):
    """What proves that an address to PUT to is ours, and until when it is good."""

    expires = fields.Integer(load_default=0, metadata={"description": "In seconds of Unix time"})


def _media_type(**more: Any) -> MediaTypeField:
    said = "Photos are one of: {choices}. Convert the file to JPEG."
    return MediaTypeField(validate=validate.OneOf(MEDIA_TYPES, error=said), **more)


def _size(**more: Any) -> fields.Integer:
    limits = validate.Range(min=1, error="The file is empty. Choose another one.")
    return fields.Integer(
        strict=True, validate=limits, metadata={"description": "In bytes, at most 20 million"}, **more
    )


def _name(**more: Any) -> Text:
    described = {"description": "Your name for the file, which errors use"}
    return Text(validate=validate.Length(max=255), metadata=described, **more)


class AnnouncedIn(Schema):
    """A photo that will be sent. What kind of picture it is, its content says.

    The PUT names the type that the answer gives: that of another name of it is ``image/jpeg`` for ``image/jpg``, and
    ``application/octet-stream`` where the client knows none.
    """

    media_type = _media_type(required=True)
    size = _size(required=True)
    name = _name(load_default="")


class AnnouncedAgainIn(Schema):
    """The photo that will be sent instead; what is left out is as before."""

    media_type = _media_type()
    size = _size()
    name = _name()


class AddressOut(Schema):
    """Where the bytes go."""

    url = fields.Url(required=True)
    method = fields.String(required=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    expires_at = fields.AwareDateTime(required=True)


class UploadOut(Schema):
    """A direct upload: how far it is, and where its bytes go while they are awaited."""

    id = fields.UUID(required=True, metadata={"description": "Name it in `photos` of a report or a step"})
    state = fields.Enum(UploadState, by_value=True, required=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the picture is not here, and what to do"}
    )
    upload = fields.Nested(AddressOut, required=True, allow_none=True)
    state_url = fields.Url(
        required=True, metadata={"description": "GET says how far it is, POST gives a new address. Keep it secret"}
    )
    arrived_url = fields.Url(required=True, metadata={"description": "POST says that the bytes were put"})


class BoxIn(Schema):
    """What is to be masked: fractions of the upright picture, from its upper left corner."""

    x = fields.Float(required=True)
    y = fields.Float(required=True)
    width = fields.Float(required=True)
    height = fields.Float(required=True)
    kind = fields.String(load_default="other", validate=validate.OneOf(_KINDS))

    @validates_schema
    def check_place(self, box: dict[str, Any], **_: Any) -> None:
        """Refuse what is no box in the picture."""
        if not is_box(box):
            raise ValidationError("The corner lies in the picture, and the sides are more than 0 and at most 1.", "x")


class MasksIn(Schema):
    """All that is masked from now on."""

    boxes = fields.List(fields.Nested(BoxIn), required=True, validate=validate.Length(max=_MOST_BOXES))


class HideIn(Schema):
    """Why a picture is hidden from the public."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=500))


class BoxOut(BoxIn):
    """What is masked, and who found it."""

    source = fields.String(required=True, validate=validate.OneOf(_SOURCES))


class DecisionOut(Schema):
    """What a member of staff did with a picture."""

    at = fields.AwareDateTime(required=True)
    by = fields.UUID(required=True)
    decision = fields.Enum(Decision, by_value=True, required=True)
    reason = fields.String(required=True, allow_none=True)
    boxes = fields.List(fields.Nested(BoxOut), required=True, allow_none=True)


class MaskedPhotoOut(Schema):
    """The state of a photo's public picture, for staff."""

    id = fields.UUID(required=True)
    public = fields.Boolean(attribute="is_public", required=True)
    boxes = fields.List(fields.Nested(BoxOut), required=True)
    masked_at = fields.AwareDateTime(required=True, allow_none=True)
    mask_fault = fields.String(required=True, allow_none=True)
    detected_at = fields.AwareDateTime(required=True, allow_none=True)
    released_at = fields.AwareDateTime(required=True, allow_none=True)
    hidden_at = fields.AwareDateTime(required=True, allow_none=True)
    hidden_reason = fields.String(required=True, allow_none=True)


class PhotoHistoryOut(MaskedPhotoOut):
    """The state of a photo's public picture and what staff did with it, first done first."""

    decisions = fields.List(fields.Nested(DecisionOut), required=True)
