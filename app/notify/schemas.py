"""Wire shapes of telling people."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.fields import LanguageTag, Text
from app.api.pages import PageIn
from app.notify.models import ChannelKind, DeliveryKind, DeliveryState, Pace
from app.notify.service import TOLD
from app.notify.texts import LANGUAGES
from app.workorders.models import EventKind

LONGEST_CONTACT = 2000
NAMED = (ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.WECHAT)
STUCK = (DeliveryState.FAILED, DeliveryState.GIVEN_UP)


class ContactIn(Schema):
    """A contact: an e-mail address or a phone number, or with its channel what a browser or WeChat gave."""

    contact = Text(
        required=True,
        validate=validate.Length(1, LONGEST_CONTACT),
        metadata={"description": "E-mail address, phone number, open id, or the browser's PushSubscription as JSON"},
    )
    channel = fields.Enum(
        ChannelKind, by_value=True, load_default=None, allow_none=True, validate=validate.OneOf([*NAMED, None])
    )
    language = Text(load_default="", validate=validate.Length(max=35))


class FollowIn(ContactIn):
    """Who wants to hear of what: of one work order, or of an area, an item, or both."""

    work_order = Text(load_default=None, allow_none=True, validate=validate.Length(max=32))
    area = Text(load_default=None, allow_none=True, validate=validate.Length(max=100))
    item = Text(load_default=None, allow_none=True, validate=validate.Length(max=100))
    pace = fields.Enum(
        Pace, by_value=True, load_default=Pace.DAILY, metadata={"description": "Of an area or an item: daily or weekly"}
    )

    @validates_schema
    def _about_something(self, data: dict[str, Any], **_: Any) -> None:
        topic = data.get("area") or data.get("item")
        if bool(data.get("work_order")) == bool(topic):
            raise ValidationError({"work_order": ["Name a work order, or else an area, an item, or both."]})
        if topic and data["pace"] is Pace.EACH:
            raise ValidationError({"pace": ["An area or an item is told of daily or weekly."]})


class FollowOut(Schema):
    """What comes next; it tells nobody whether the address was known before."""

    next = fields.String(required=True)


class ConfirmIn(Schema):
    """That an address is one's own: the link's last part, or the address with its six digits."""

    token = Text(load_default=None, allow_none=True, validate=validate.Length(max=100))
    contact = Text(load_default=None, allow_none=True, validate=validate.Length(max=LONGEST_CONTACT))
    channel = fields.Enum(ChannelKind, by_value=True, load_default=None, allow_none=True)
    code = Text(load_default=None, allow_none=True, validate=validate.Length(max=12))

    @validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("token")) == bool(data.get("contact") and data.get("code")):
            raise ValidationError({"token": ["Send the token of the link, or the contact with its code."]})


class EndIn(Schema):
    """How much is ended."""

    everything = fields.Boolean(load_default=False, metadata={"description": "All that goes to this address"})


class AttemptOut(Schema):
    """One try."""

    at = fields.AwareDateTime(required=True)
    ok = fields.Boolean(required=True, allow_none=True)
    answer = fields.String(required=True)


class DeliveryOut(Schema):
    """Who was told what, how, and what became of it. The address is shown in part only."""

    id = fields.UUID(required=True)
    kind = fields.Enum(DeliveryKind, by_value=True, required=True)
    event = fields.Enum(EventKind, by_value=True, required=True, allow_none=True)
    work_order = fields.String(required=True, allow_none=True)
    report = fields.String(required=True, allow_none=True, metadata={"description": "Number of the reporter's report"})
    channel = fields.Enum(ChannelKind, by_value=True, required=True)
    address = fields.String(required=True)
    confirmed = fields.Boolean(required=True)
    language = fields.String(required=True)
    state = fields.Enum(DeliveryState, by_value=True, required=True)
    created_at = fields.AwareDateTime(required=True)
    next_at = fields.AwareDateTime(required=True, allow_none=True)
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    last_answer = fields.String(required=True)
    copies = fields.Integer(required=True)
    attempts = fields.List(fields.Nested(AttemptOut), required=True)


class WorkOrderDeliveriesOut(Schema):
    """All that was told of a work order, first made first."""

    deliveries = fields.List(fields.Nested(DeliveryOut), required=True)


class StuckIn(PageIn):
    """Which deliveries that did not go."""

    state = fields.List(
        fields.Enum(DeliveryState, by_value=True, validate=validate.OneOf(STUCK)), load_default=lambda: list(STUCK)
    )


class StuckOut(Schema):
    """A page of deliveries that did not go, oldest first."""

    deliveries = fields.List(fields.Nested(DeliveryOut), required=True)
    next = fields.String(required=True, allow_none=True)


class ChannelOut(Schema):
    """How a channel did in the last 24 hours."""

    channel = fields.Enum(ChannelKind, by_value=True, required=True)
    sends = fields.Boolean(required=True, metadata={"description": "Whether the settings name a way to send"})
    went = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    given_up = fields.Integer(required=True)
    tried_again = fields.Integer(required=True, metadata={"description": "Open ones that a try has failed for"})
    waiting = fields.Integer(required=True, metadata={"description": "Open ones that are due"})
    unconfirmed = fields.Integer(required=True, metadata={"description": "Open ones whose address nobody confirmed"})
    oldest_at = fields.AwareDateTime(required=True, allow_none=True)
    last_fault = fields.String(required=True)
    last_fault_at = fields.AwareDateTime(required=True, allow_none=True)


class ChannelsOut(Schema):
    """How the channels do; those with faults first."""

    channels = fields.List(fields.Nested(ChannelOut), required=True)


class PreviewIn(Schema):
    """Which message, in which language."""

    kind = fields.Enum(EventKind, by_value=True, required=True, validate=validate.OneOf(TOLD))
    language = LanguageTag(load_default="zh", validate=validate.OneOf(LANGUAGES))
    note = Text(load_default="", validate=validate.Length(max=2000))


class PreviewOut(Schema):
    """A message as a resident would get it, with made-up values."""

    subject = fields.String(required=True)
    text = fields.String(required=True)
    html = fields.String(required=True)
    short = fields.String(required=True)
