"""Wire shapes of following a report, and of answering a repair."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.fields import Text, photos_field
from app.catalogue.schemas import NamesOut
from app.media.models import UploadState
from app.notify.models import ChannelKind
from app.reports.schemas.intake import DESCRIPTION_LENGTH, AltOut
from app.reports.steps import Progress
from app.workorders.models import EventKind
from app.workorders.states import State, Step


class CandidateOut(Schema):
    """A street that the accuracy circle touches, with its share of the circle."""

    area = fields.Nested(NamesOut, required=True)
    share = fields.Float(required=True)


class PlaceOut(Schema):
    """Where a report lies. ``match`` is exact, or nearest where no street covers the point."""

    street = fields.Nested(NamesOut, required=True)
    district = fields.Nested(NamesOut, required=True, allow_none=True)
    match = fields.String(required=True)
    distance_m = fields.Float(required=True)
    approximate = fields.Boolean(
        required=True, metadata={"description": "The city's boundaries are marked approximate: a demonstration"}
    )
    candidates = fields.List(fields.Nested(CandidateOut), required=True)


class StepOut(Schema):
    """One of the five public steps."""

    step = fields.Enum(Step, by_value=True, required=True)
    progress = fields.Enum(Progress, by_value=True, required=True)
    at = fields.AwareDateTime(required=True, allow_none=True)


class PictureOut(Schema):
    """A picture in two sizes; a link answers once the picture is rendered."""

    large = fields.Url(required=True)
    small = fields.Url(required=True)
    alt = fields.Nested(AltOut, required=True)


class PairOut(Schema):
    """The first picture of the reports and the first one of after the latest repair, of the same size in pixels.

    `aligned` says that both show the scene from the same place; otherwise they are only cropped to one shape.
    """

    before = fields.Nested(PictureOut, required=True)
    after = fields.Nested(PictureOut, required=True)
    aligned = fields.Boolean(required=True)
    width = fields.Integer(required=True, metadata={"description": "Pixels of the large pictures"})
    height = fields.Integer(required=True)


class AwaitedOut(Schema):
    """A photo whose picture is not here: on its way, not readable, or never arrived."""

    id = fields.UUID(required=True)
    state = fields.Enum(UploadState, by_value=True, required=True)


class DeclinedOut(Schema):
    """Why the city does not take it on, and what would change that."""

    code = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)
    change_zh = fields.String(required=True)
    change_en = fields.String(required=True)


class EventOut(Schema):
    """A public line of history."""

    due_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    until = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    declined = fields.Nested(DeclinedOut, required=True, allow_none=True)

    kind = fields.Enum(EventKind, by_value=True, required=True)
    at = fields.AwareDateTime(required=True)
    unit = fields.Nested(NamesOut, required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    photos = fields.List(fields.Nested(PictureOut), required=True)
    awaited = fields.List(fields.Nested(AwaitedOut), required=True)


class ReportOut(Schema):
    """A report as its reporter sees it."""

    number = fields.String(required=True)
    tracking_url = fields.Url(required=True)
    filed_at = fields.AwareDateTime(required=True)
    work_order = fields.String(required=True, metadata={"description": "Public id of the work order"})
    joined = fields.Boolean(required=True)
    reports = fields.Integer(required=True, metadata={"description": "How many reports the work order has"})
    state = fields.Enum(State, by_value=True, required=True)
    item = fields.Nested(NamesOut, required=True)
    place = fields.Nested(PlaceOut, required=True)
    unit = fields.Nested(NamesOut, required=True, allow_none=True)
    due_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "Until when it is promised to be fixed; null while a hold pauses that"},
    )
    hold_until = fields.AwareDateTime(required=True, allow_none=True)
    steps = fields.List(fields.Nested(StepOut), required=True)
    photos = fields.List(fields.Nested(PictureOut), required=True)
    awaited = fields.List(fields.Nested(AwaitedOut), required=True)
    attribution = fields.String(required=True, metadata={"description": "Whose data the answer rests on"})


class TrackEventOut(EventOut):
    """A public line of history as one reporter sees it."""

    own_words = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What this reporter wrote: the description, or why it is not fixed; no one else's"},
    )


class ContactOut(Schema):
    """By which way a reporter hears; the address is shown in part, the link of a report may have been passed on."""

    id = fields.UUID(required=True)
    channel = fields.Enum(ChannelKind, by_value=True, required=True)
    address = fields.String(required=True)
    confirmed = fields.Boolean(required=True)
    ended = fields.Boolean(required=True)


class TrackOut(ReportOut):
    """A report with the public history of its work order."""

    contacts = fields.List(fields.Nested(ContactOut), required=True)

    description = fields.String(required=True)
    events = fields.List(fields.Nested(TrackEventOut), required=True)
    pair = fields.Nested(PairOut, required=True, allow_none=True)
    events_url = fields.Url(
        required=True,
        metadata={"description": "Server-Sent Events from here on (docs/live.md): open it, it stays open"},
    )


class ObjectionIn(Schema):
    """Why it is not fixed: words or photos, a multipart form or JSON."""

    reason = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))
    photos = photos_field()


def _stars(**more: Any) -> fields.Integer:
    return fields.Integer(validate=validate.Range(1, 5, error="A rating is 1 to 5."), strict=True, **more)


class RatingIn(Schema):
    """What a reporter thinks of a repair, each from 1 (bad) to 5."""

    overall = _stars(required=True)
    speed = _stars(load_default=None, allow_none=True)
    attitude = _stars(load_default=None, allow_none=True)
    result = _stars(load_default=None, allow_none=True)
    comment = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))
