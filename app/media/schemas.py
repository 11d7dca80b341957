"""Wire shapes of photos."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.media.masks import is_box
from app.media.models import Decision

_SOURCES = ("detector", "staff")
_KINDS = ("face", "plate", "other")
_MOST_BOXES = 100


class SignatureSchema(Schema):
    """What proves that a link to a rendition is ours. Without it the link is as wrong as with a wrong one."""

    sig = fields.String(load_default="", metadata={"description": "The signature, as it stands in the link"})


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
