"""Wire shapes of reports, tracking and the staff's view of a work order."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from app.api.fields import Text, photos_field
from app.catalogue.city import Channel, Language
from app.catalogue.schemas import NamesOut
from app.dispatch.schemas import LineOut
from app.geo.datums import Datum
from app.reports.models import CheckKind, SampleReason
from app.reports.steps import Progress
from app.workorders.lifecycle import Action, Outcome, State, Step
from app.workorders.models import DeadlineKind, EventKind

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

    idempotency_key = fields.UUID(
        data_key="Idempotency-Key",
        metadata={"description": "The client's own UUID: the same request sent again is the same report, for ever"},
    )


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
    datum = fields.Enum(Datum, by_value=True, allow_none=True, metadata={"description": "wgs84 where it is left out"})
    item = Text(allow_none=True, validate=validate.Length(max=100))
    description = Text(load_default="", allow_none=True, validate=validate.Length(max=DESCRIPTION_LENGTH))
    contact = Text(
        allow_none=True,
        validate=validate.Length(max=254),
        metadata={"description": "E-mail address or phone number; stored encrypted"},
    )
    language = Text(load_default=None, allow_none=True, validate=validate.Length(max=35))
    same_as = Text(allow_none=True, validate=validate.Length(max=32), metadata={"description": "Id from /similar"})

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
    due_at = fields.AwareDateTime(required=True, allow_none=True)
    steps = fields.List(fields.Nested(StepOut), required=True)
    photos = fields.List(fields.Nested(PictureOut), required=True)
    attribution = fields.String(required=True, metadata={"description": "Whose data the answer rests on"})


class TrackOut(ReportOut):
    """A report with the public history of its work order."""

    description = fields.String(required=True)
    events = fields.List(fields.Nested(EventOut), required=True)


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


class MergeIn(Schema):
    """Into which open work order, and why, in words that the reporters read."""

    into = Text(required=True, validate=validate.Length(max=32))
    note = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))


class MergeOut(Schema):
    """The one that is gone, and its survivor."""

    id = fields.String(required=True)
    state = fields.Enum(State, by_value=True, required=True)
    into = fields.String(required=True)
    reports = fields.Integer(required=True, metadata={"description": "How many reports the survivor has now"})


class SpotCheckOut(Schema):
    """A repair that is checked before it closes."""

    id = fields.UUID(required=True)
    work_order = fields.Nested(LineOut, required=True)
    reason = fields.Enum(SampleReason, by_value=True, required=True)
    at = fields.AwareDateTime(required=True)
    done_at = fields.AwareDateTime(required=True, allow_none=True)
    kind = fields.Enum(CheckKind, by_value=True, required=True, allow_none=True)
    passed = fields.Boolean(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class SpotChecksOut(Schema):
    """A page of open checks, oldest first."""

    checks = fields.List(fields.Nested(SpotCheckOut), required=True)
    next = fields.String(required=True, allow_none=True)


class SpotCheckIn(Schema):
    """What a call or a visit found."""

    kind = fields.Enum(CheckKind, by_value=True, required=True)
    passed = fields.Boolean(required=True)
    note = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))


class UnitRatingOut(Schema):
    """The ratings of one unit: how many, of how many reports that could rate, and their means."""

    unit = fields.String(required=True, allow_none=True)
    ratings = fields.Integer(required=True)
    work_orders = fields.Integer(required=True)
    overall = fields.Float(required=True)
    speed = fields.Float(required=True, allow_none=True)
    attitude = fields.Float(required=True, allow_none=True)
    result = fields.Float(required=True, allow_none=True)
    poor = fields.Integer(required=True, metadata={"description": "Ratings of 1 or 2"})


class RatingsOut(Schema):
    """The ratings of a period by unit; every reporter of a work order may rate, so there can be more than repairs."""

    units = fields.List(fields.Nested(UnitRatingOut), required=True)


class SimilarIn(Schema):
    """Where to look for the same problem."""

    lon = fields.Float(required=True, validate=_degrees(*_POSITION[0]))
    lat = fields.Float(required=True, validate=_degrees(*_POSITION[1]))
    datum = fields.Enum(Datum, by_value=True, load_default=Datum.WGS84)
    item = Text(validate=validate.Length(max=100))


class SimilarOut(Schema):
    """A work order that may be about the same problem."""

    id = fields.String(required=True)
    item = fields.Nested(NamesOut, required=True)
    state = fields.Enum(State, by_value=True, required=True)
    opened_at = fields.AwareDateTime(required=True)
    distance_m = fields.Float(required=True)
    reports = fields.Integer(required=True)
    thumbnail = fields.Url(required=True, allow_none=True)


class ItemIn(Schema):
    """Words to search the catalogue for."""

    q = Text(load_default="", validate=validate.Length(max=100))
    language = fields.Enum(Language, by_value=True, load_default=Language.ZH)


class ItemOut(NamesOut):
    """An item of the catalogue."""

    kind = fields.String(required=True)
    major_zh = fields.String(required=True)
    major_en = fields.String(required=True)
    urgency = fields.String(required=True)


class StaffReportOut(Schema):
    """A report as staff see it: never the contact."""

    number = fields.String(required=True)
    filed_at = fields.AwareDateTime(required=True)
    description = fields.String(required=True)
    channel = fields.String(required=True)
    lon = fields.Float(required=True)
    lat = fields.Float(required=True)
    accuracy_m = fields.Float(required=True)
    position_source = fields.String(required=True)
    photos = fields.List(fields.Nested(PictureOut), required=True)


class StaffEventOut(EventOut):
    """A line of history as staff see it, with its number, author, hash, and all that it says."""

    content = fields.Dict(required=True)

    number = fields.Integer(required=True)
    by = fields.String(required=True)
    public = fields.Boolean(required=True)
    hash = fields.String(required=True)


class DeadlineOut(Schema):
    """A clock."""

    kind = fields.Enum(DeadlineKind, by_value=True, required=True)
    unit = fields.String(required=True, allow_none=True)
    starts_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True)
    met_at = fields.AwareDateTime(required=True, allow_none=True)
    stopped_at = fields.AwareDateTime(required=True, allow_none=True)
    paused_at = fields.AwareDateTime(required=True, allow_none=True)
    breached_at = fields.AwareDateTime(required=True, allow_none=True)
    level = fields.Integer(required=True, metadata={"description": "How many levels it was escalated"})


class PartOut(Schema):
    """A unit's part in a work order, with the explanation why it is theirs."""

    unit = fields.Nested(NamesOut, required=True)
    part = fields.String(required=True, attribute="part.value")
    explanation = fields.Dict(required=True)
    assigned_at = fields.AwareDateTime(required=True)
    signed_at = fields.AwareDateTime(required=True, allow_none=True)
    finished_at = fields.AwareDateTime(required=True, allow_none=True)


class EvidenceFindingsOut(Schema):
    """What was found about the photos of one repair."""

    unit = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    failed = fields.Boolean(required=True)
    findings = fields.List(fields.Dict(), required=True)
    verdict = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class WorkOrderOut(Schema):
    """A work order as staff see it, with the explanation of its assignment."""

    id = fields.String(required=True)
    state = fields.Enum(State, by_value=True, required=True)
    legal = fields.List(fields.Enum(Action, by_value=True), required=True)
    outcome = fields.Enum(Outcome, by_value=True, required=True, allow_none=True)
    urgency = fields.String(required=True)
    sensitive = fields.Boolean(required=True)
    flags = fields.List(fields.String(), required=True)
    item = fields.Nested(NamesOut, required=True)
    lon = fields.Float(required=True)
    lat = fields.Float(required=True)
    street = fields.String(required=True)
    district = fields.String(required=True, allow_none=True)
    unit = fields.Nested(NamesOut, required=True, allow_none=True)
    explanation = fields.Dict(required=True, allow_none=True)
    opened_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True, allow_none=True)
    fixed_at = fields.AwareDateTime(required=True, allow_none=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    hold_until = fields.AwareDateTime(required=True, allow_none=True)
    merged_into = fields.String(required=True, allow_none=True)
    rounds = fields.Integer(required=True, metadata={"description": "How often it came back after a repair"})
    parts = fields.List(fields.Nested(PartOut), required=True)
    checks = fields.List(fields.Nested(EvidenceFindingsOut), required=True)
    deadlines = fields.List(fields.Nested(DeadlineOut), required=True)
    events = fields.List(fields.Nested(StaffEventOut), required=True)
    reports = fields.List(fields.Nested(StaffReportOut), required=True)
