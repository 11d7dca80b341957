"""Wire shapes of what systems exchange with this one: reports of gateways, webhooks."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.fields import Moment, Text
from app.notify.channels import LONGEST_ANSWER
from app.notify.models import DeliveryState
from app.notify.receipts import Receipt
from app.workorders.states import INTERNAL, EventKind

LONGEST_CODE = 100
MOST_CODES = 200


class ReceiptIn(Schema):
    """What became of a message that a gateway took."""

    id = fields.UUID(required=True, metadata={"description": "`id` of the request that carried the message"})
    state = fields.Enum(Receipt, by_value=True, required=True)
    at = Moment(required=True)
    answer = Text(load_default="", validate=validate.Length(max=LONGEST_ANSWER))


class ReceiptOut(Schema):
    """Where the delivery stands now."""

    id = fields.UUID(required=True)
    state = fields.Enum(DeliveryState, by_value=True, required=True)


def _codes(said: str) -> fields.List[str]:
    return fields.List(
        Text(validate=validate.Length(1, LONGEST_CODE)),
        load_default=list,
        validate=validate.Length(max=MOST_CODES),
        metadata={"description": f"{said}; without any, all"},
    )


class NewWebhookIn(Schema):
    """A webhook: where to, and of what it is to hear."""

    url = fields.String(required=True, metadata={"description": "https://, a public host"})
    label = Text(load_default="", validate=validate.Length(max=LONGEST_CODE))
    kinds = fields.List(
        fields.Enum(EventKind, by_value=True),
        load_default=list,
        validate=validate.ContainsNoneOf(INTERNAL, error="Kinds that only staff see are never sent."),
        metadata={"description": "Kinds of public steps; without any, all"},
    )
    areas = _codes("Codes of areas: city, district, street, community")
    items = _codes("Codes of items")


class WebhookOut(Schema):
    """A webhook and its health. Its secret is shown when it is made or changed, and never again."""

    id = fields.UUID(required=True)
    url = fields.String(required=True)
    label = fields.String(required=True)
    kinds = fields.List(fields.String(), required=True)
    areas = fields.List(fields.String(), required=True)
    items = fields.List(fields.String(), required=True)
    created_by = fields.UUID(required=True)
    created_at = fields.AwareDateTime(required=True)
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    disabled_because = fields.String(required=True)
    failing_since = fields.AwareDateTime(required=True, allow_none=True)
    retry_at = fields.AwareDateTime(required=True, allow_none=True)
    last_success_at = fields.AwareDateTime(required=True, allow_none=True)
    last_answer = fields.String(required=True)
    old_until = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "Until when the secret before signs too"}
    )


class WebhookSecretOut(Schema):
    """A webhook with the secret that was drawn for it."""

    secret = fields.String(required=True)
    webhook = fields.Nested(WebhookOut, required=True)


class WebhookSwitchIn(Schema):
    """Whether a webhook is to be disabled."""

    disabled = fields.Boolean(required=True)


class WebhookReplayIn(Schema):
    """Which events are to be sent again: those named, or all since a moment."""

    events = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=MOST_CODES))
    since = Moment(load_default=None)

    @validates_schema
    def _name_some(self, data: dict[str, Any], **_: Any) -> None:
        if not data["events"] and not data["since"]:
            raise ValidationError("Name events, or a moment since when.", "since")


class WebhookReplayOut(Schema):
    """How many events will be sent again; at 5,000 ask again with a later moment."""

    queued = fields.Integer(required=True)


class WebhookPingOut(Schema):
    """What became of a test request."""

    taken = fields.Boolean(required=True)
    answer = fields.String(required=True)
