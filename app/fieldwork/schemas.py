"""Wire shapes of the field."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.fields import IdempotencyKey, Moment, SpelledEnum, Text, letters_and_digits, photos_field
from app.api.pages import PageIn
from app.catalogue.schemas import NamesOut
from app.dispatch.schemas import ClockOut
from app.fieldwork.models import Verdict
from app.geo.datums import Datum
from app.workorders.lifecycle import Action, legal
from app.workorders.states import Outcome, State

NOTE_LENGTH = 2000
BATCH_MOST = 100


class StepHeaders(Schema):
    """The headers of a step."""

    idempotency_key = IdempotencyKey(
        "The client's own UUID: the same step sent again is taken once, for ever", load_default=None
    )


class NewMoveIn(Schema):
    """A step with a work order: a multipart form with photos, or JSON. docs/lifecycle.md says what each needs."""

    action = fields.Enum(Action, by_value=True, required=True)
    note = Text(
        load_default="",
        validate=validate.Length(max=NOTE_LENGTH),
        metadata={"description": "What was done or found, or the reason; that of a hold or a decline is shown"},
    )
    public = fields.Boolean(load_default=True, metadata={"description": "Whether reporters see a note"})
    photos = photos_field()
    unit = Text(load_default=None, allow_none=True, validate=validate.Length(max=120))
    reason = Text(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=120),
        metadata={"description": "To decline: a code of the city's reasons"},
    )
    reference = Text(
        load_default="",
        validate=validate.Length(max=500),
        metadata={"description": "The document that a refusal or a hold rests on, where there is no photo"},
    )
    until = Moment(load_default=None, allow_none=True, metadata={"description": "The end of a hold"})
    item = Text(load_default=None, allow_none=True, validate=validate.Length(max=120))
    lon = fields.Float(load_default=None, allow_none=True, validate=validate.Range(-180, 180))
    lat = fields.Float(load_default=None, allow_none=True, validate=validate.Range(-90, 90))
    accuracy = fields.Float(load_default=0.0, validate=validate.Range(0, 100_000))
    datum = SpelledEnum(Datum, letters_and_digits, load_default=None, allow_none=True)
    make_rule = fields.Boolean(load_default=False, metadata={"description": "Let a ruling be a rule for the future"})
    outcome = fields.Enum(Outcome, by_value=True, load_default=None, allow_none=True)
    phone_at = Moment(
        load_default=None,
        allow_none=True,
        metadata={"description": "When the step was taken by the phone's clock, where it was offline"},
    )

    @validates_schema
    def _both_or_none(self, data: dict[str, Any], **_: Any) -> None:
        if (data.get("lon") is None) != (data.get("lat") is None):
            raise ValidationError({"lat" if data.get("lat") is None else "lon": ["Send lon and lat together."]})


class FindingOut(Schema):
    """What was found about a photo of the repair; ``passed`` is empty where it could not be judged."""

    photo = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True)
    passed = fields.Boolean(required=True, allow_none=True)
    detail = fields.String(required=True)
    values = fields.Dict(required=True)


class CheckOut(Schema):
    """The check of a repair's evidence; a failed one goes to the unit manager and keeps nobody from working."""

    id = fields.UUID(required=True)
    failed = fields.Boolean(required=True)
    findings = fields.List(fields.Nested(FindingOut), required=True)


class MoveOut(Schema):
    """A work order after a step, with the steps that it allows now."""

    id = fields.String(required=True, attribute="work_order.public_id")
    state = fields.Enum(State, by_value=True, required=True, attribute="work_order.state")
    outcome = fields.Enum(Outcome, by_value=True, required=True, allow_none=True, attribute="work_order.outcome")
    urgency = fields.String(required=True, attribute="work_order.urgency.value")
    unit = fields.String(required=True, allow_none=True, attribute="work_order.lead_unit")
    co_units = fields.List(fields.String(), required=True, attribute="work_order.co_units")
    updated_at = fields.AwareDateTime(required=True, attribute="work_order.updated_at")
    due_at = fields.AwareDateTime(required=True, allow_none=True, attribute="work_order.promise")
    hold_until = fields.AwareDateTime(required=True, allow_none=True, attribute="work_order.hold_until")
    fixed_at = fields.AwareDateTime(required=True, allow_none=True, attribute="work_order.fixed_at")
    closed_at = fields.AwareDateTime(required=True, allow_none=True, attribute="work_order.closed_at")
    check = fields.Nested(CheckOut, required=True, allow_none=True)
    legal = fields.Function(
        lambda taken: [action.value for action in legal(taken.work_order.state, taken.by.role)],
        metadata={"type": "array", "items": {"type": "string"}, "description": "The next steps of who took this one"},
    )


class QueueIn(PageIn):
    """Which part of the queue; with a position the nearest come first."""

    lon = fields.Float(load_default=None, validate=validate.Range(-180, 180))
    lat = fields.Float(load_default=None, validate=validate.Range(-90, 90))
    datum = SpelledEnum(Datum, letters_and_digits, load_default=Datum.WGS84)

    @validates_schema
    def _both_or_none(self, data: dict[str, Any], **_: Any) -> None:
        if (data.get("lon") is None) != (data.get("lat") is None):
            raise ValidationError({"lat" if data.get("lat") is None else "lon": ["Send lon and lat together."]})


class TaskOut(Schema):
    """A part of a work order that waits for the unit."""

    id = fields.String(required=True, attribute="work_order.public_id")
    state = fields.Enum(State, by_value=True, required=True, attribute="work_order.state")
    urgency = fields.String(required=True, attribute="work_order.urgency.value")
    item = fields.Nested(NamesOut, required=True, attribute="work_order.item")
    part = fields.String(required=True, attribute="assignment.part.value")
    unit = fields.Nested(NamesOut, required=True, attribute="assignment.unit")
    signed_at = fields.AwareDateTime(required=True, allow_none=True, attribute="assignment.signed_at")
    mine = fields.Boolean(required=True)
    street = fields.String(required=True, attribute="work_order.street")
    lon = fields.Float(required=True, attribute="work_order.position.lon")
    lat = fields.Float(required=True, attribute="work_order.position.lat")
    distance_m = fields.Float(required=True, allow_none=True)
    reports = fields.Integer(required=True, attribute="work_order.reports")
    opened_at = fields.AwareDateTime(required=True, attribute="work_order.opened_at")
    due_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        attribute="work_order.promise",
        metadata={"description": "What was promised to the residents; null while a hold pauses it"},
    )
    hold_until = fields.AwareDateTime(required=True, allow_none=True, attribute="work_order.hold_until")
    clock = fields.Nested(
        ClockOut,
        required=True,
        allow_none=True,
        metadata={"description": "That of this part: until it is signed for, then until it is fixed"},
    )


class QueueOut(Schema):
    """A page of the queue."""

    tasks = fields.List(fields.Nested(TaskOut), required=True)
    next = fields.String(required=True, allow_none=True)


class BatchIn(Schema):
    """Work orders to sign for at once."""

    work_orders = fields.List(
        Text(validate=validate.Length(max=32)), required=True, validate=validate.Length(1, BATCH_MOST)
    )
    phone_at = Moment(load_default=None, allow_none=True)


class SignedOut(Schema):
    """What became of one of them: its state now, or the problem that kept it from being signed for."""

    id = fields.String(required=True, attribute="public_id")
    signed = fields.Function(lambda each: each.refusal is None, metadata={"type": "boolean"}, required=True)
    state = fields.Function(
        lambda each: each.work_order.state.value if each.work_order else None,
        metadata={"type": ["string", "null"]},
        required=True,
    )
    problem = fields.Function(
        lambda each: {"type": each.refusal.slug(), "detail": str(each.refusal)} if each.refusal else None,
        metadata={"type": ["object", "null"]},
        required=True,
    )


class EvidenceCheckOut(CheckOut):
    """A failed check that waits for the unit manager."""

    work_order = fields.String(required=True, attribute="work_order.public_id")
    unit = fields.String(required=True)
    at = fields.AwareDateTime(required=True)


class EvidenceChecksOut(Schema):
    """A page of failed checks, oldest first."""

    checks = fields.List(fields.Nested(EvidenceCheckOut), required=True)
    next = fields.String(required=True, allow_none=True)


class VerdictIn(Schema):
    """What the unit manager says to a failed check."""

    verdict = fields.Enum(Verdict, by_value=True, required=True)
    note = Text(load_default="", validate=validate.Length(max=NOTE_LENGTH))
