"""Wire shapes of the field."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.fields import Text, photos_field
from app.workorders.lifecycle import Action, Outcome, State, legal

NOTE_LENGTH = 2000


class NewMoveIn(Schema):
    """A step with a work order: a multipart form with photos, or JSON."""

    action = fields.Enum(Action, by_value=True, required=True)
    note = Text(load_default="", validate=validate.Length(max=NOTE_LENGTH))
    public = fields.Boolean(load_default=True, metadata={"description": "Whether reporters see a note"})
    photos = photos_field()


class MoveOut(Schema):
    """A work order after a step, with the steps that it allows now."""

    id = fields.String(required=True, attribute="public_id")
    state = fields.Enum(State, by_value=True, required=True)
    outcome = fields.Enum(Outcome, by_value=True, required=True, allow_none=True)
    unit = fields.String(required=True, allow_none=True, attribute="lead_unit")
    updated_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True, allow_none=True)
    fixed_at = fields.AwareDateTime(required=True, allow_none=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    legal = fields.Function(
        lambda work_order: [action.value for action in legal(work_order.state)],
        metadata={"type": "array", "items": {"type": "string"}},
    )
