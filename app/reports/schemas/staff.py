"""Wire shapes of the staff's view of a work order, of merges, checks and ratings."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.fields import Text
from app.catalogue.schemas import NamesOut
from app.dispatch.schemas import LineOut
from app.reports.models import CheckKind, SampleReason
from app.reports.schemas.intake import DESCRIPTION_LENGTH, AltOut
from app.reports.schemas.track import AwaitedOut, EventOut, PairOut, PictureOut
from app.workorders.lifecycle import Action
from app.workorders.models import DeadlineKind
from app.workorders.states import Outcome, State


class MergeIn(Schema):
    """Into which open work order, and why, in words that the reporters read."""

    into = Text(required=True, validate=validate.Length(max=32))
    note = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))
    far = fields.Boolean(
        load_default=False,
        metadata={"description": "They are one problem although they lie further apart than the city expects"},
    )


class MergeOut(Schema):
    """The one that is gone, and its survivor."""

    id = fields.String(required=True)
    state = fields.Enum(State, by_value=True, required=True)
    into = fields.String(required=True)
    reports = fields.Integer(required=True, metadata={"description": "How many reports the survivor has now"})


class ReasonOut(Schema):
    """What speaks for one problem, or against it."""

    zh = fields.String(required=True)
    en = fields.String(required=True)
    weight = fields.Float(required=True, metadata={"description": "What it adds to the log odds; below 0: against"})


class DuplicateOut(Schema):
    """A work order that may be about the same problem, and why."""

    id = fields.String(required=True)
    item = fields.Nested(NamesOut, required=True)
    state = fields.Enum(State, by_value=True, required=True)
    opened_at = fields.AwareDateTime(required=True)
    distance_m = fields.Float(required=True)
    reports = fields.Integer(required=True)
    chance = fields.Float(required=True, metadata={"description": "How likely it is the same problem, 0 to 1"})
    brief = fields.Nested(AltOut, required=True)
    why = fields.List(fields.Nested(ReasonOut), required=True, metadata={"description": "The weightiest first"})


class UnmergeIn(Schema):
    """Why a merge is undone, in words that the reporters read."""

    note = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))


class SplitIn(Schema):
    """Which reports are about another problem, what about, and why, in words that the reporters read."""

    reports = fields.List(
        Text(validate=validate.Length(max=64)),
        required=True,
        validate=validate.Length(min=1, max=100),
        metadata={"description": "Their numbers; at least one of the work order has to stay"},
    )
    item = Text(load_default=None, validate=validate.Length(max=64), metadata={"description": "Left out: the same"})
    note = Text(load_default="", validate=validate.Length(max=DESCRIPTION_LENGTH))


class SplitOut(Schema):
    """The work order that reports left, and the one that they are in."""

    id = fields.String(required=True)
    reports = fields.Integer(required=True, metadata={"description": "How many reports it has now"})
    into = fields.String(required=True)
    into_state = fields.Enum(State, by_value=True, required=True)
    into_reports = fields.Integer(required=True)


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
    awaited = fields.List(fields.Nested(AwaitedOut), required=True)


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
    pair = fields.Nested(PairOut, required=True, allow_none=True)
