"""Wire shapes of the desk."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.fields import Moment, Text
from app.api.pages import PageIn
from app.catalogue.schemas import NamesOut
from app.dispatch.models import NoticeKind, Verdict
from app.workorders.models import DeadlineKind
from app.workorders.states import State


class WorkOrdersIn(PageIn):
    """Which work orders."""

    state = fields.List(
        fields.Enum(State, by_value=True),
        load_default=list,
        metadata={"description": "Several may be named; without any, all that are open"},
    )
    unit = Text(load_default=None)
    street = Text(load_default=None)
    overdue = fields.Boolean(
        load_default=False,
        metadata={"description": "Only those of which any clock is overdue, dispatch and sign-for too"},
    )


class ClockOut(Schema):
    """The clock that a line of a list waits by."""

    kind = fields.Enum(DeadlineKind, by_value=True, required=True)
    due_at = fields.AwareDateTime(required=True)
    overdue = fields.Boolean(required=True)


class LineOut(Schema):
    """A work order in a list."""

    id = fields.String(required=True, attribute="public_id")
    state = fields.Enum(State, by_value=True, required=True)
    urgency = fields.String(required=True, attribute="urgency.value")
    item = fields.Nested(NamesOut, required=True)
    street = fields.String(required=True)
    unit = fields.String(required=True, allow_none=True, attribute="lead_unit")
    co_units = fields.List(fields.String(), required=True)
    flags = fields.List(fields.String(), required=True)
    reports = fields.Integer(required=True)
    opened_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        attribute="promise",
        metadata={"description": "What was promised to the residents; null while a hold pauses it"},
    )
    hold_until = fields.AwareDateTime(required=True, allow_none=True)


class WaitingOut(Schema):
    """A work order in the list of the desk, with the reasons why it waits and whom the rules propose."""

    work_order = fields.Nested(LineOut, required=True)
    waits = fields.Dict(required=True, allow_none=True, metadata={"description": "`reasons` and `proposed`"})
    clock = fields.Nested(
        ClockOut,
        required=True,
        allow_none=True,
        metadata={"description": "By its state: until it is dispatched, signed for, ruled on or fixed"},
    )


class WorkOrdersOut(Schema):
    """A page of work orders, oldest first."""

    work_orders = fields.List(fields.Nested(WaitingOut), required=True)
    next = fields.String(required=True, allow_none=True)


class DisputesIn(PageIn):
    """Which disputes."""

    ended = fields.Boolean(load_default=False)


class DisputeOut(Schema):
    """A refusal, until when it is to be ruled on, and the ruling; a decline ends a dispute without."""

    work_order = fields.Nested(LineOut, required=True, attribute="dispute.work_order")
    unit = fields.String(required=True, attribute="dispute.unit")
    reason = fields.String(required=True, attribute="dispute.reason")
    reference = fields.String(required=True, attribute="dispute.reference")
    opened_at = fields.AwareDateTime(required=True, attribute="dispute.opened_at")
    clock = fields.Nested(ClockOut, required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True, attribute="dispute.ended_at")
    ruled_unit = fields.String(required=True, allow_none=True, attribute="dispute.ruled_unit")
    ruling = fields.String(required=True, allow_none=True, attribute="dispute.ruling")


class DisputesOut(Schema):
    """A page of disputes, oldest first."""

    disputes = fields.List(fields.Nested(DisputeOut), required=True)
    next = fields.String(required=True, allow_none=True)


class DeclinesIn(PageIn):
    """Which part of the register."""

    reviewed = fields.Boolean(load_default=None, allow_none=True)


class DeclineOut(Schema):
    """What was declined, why, by whom, what would change it, and what a supervisor said."""

    work_order = fields.Nested(LineOut, required=True)
    reason = fields.String(required=True)
    words = fields.Dict(required=True)
    note = fields.String(required=True)
    decided_at = fields.AwareDateTime(required=True)
    decided_by = fields.String(required=True)
    reviewed_at = fields.AwareDateTime(required=True, allow_none=True)
    verdict = fields.Enum(Verdict, by_value=True, required=True, allow_none=True)
    review = fields.String(required=True, allow_none=True)


class DeclinesOut(Schema):
    """A page of the register, oldest first."""

    declines = fields.List(fields.Nested(DeclineOut), required=True)
    next = fields.String(required=True, allow_none=True)


class SupervisionsIn(PageIn):
    """Which supervisions."""

    answered = fields.Boolean(load_default=None, allow_none=True)


class SupervisionOut(Schema):
    """An answer that a unit owes, or gave."""

    work_order = fields.Nested(LineOut, required=True)
    unit = fields.String(required=True)
    level = fields.String(required=True)
    centre = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    opened_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    answer = fields.String(required=True, allow_none=True)


class SupervisionsOut(Schema):
    """A page of supervisions, first due first."""

    supervisions = fields.List(fields.Nested(SupervisionOut), required=True)
    next = fields.String(required=True, allow_none=True)


class NoticeOut(Schema):
    """What a unit was told about a work order."""

    id = fields.UUID(required=True)
    unit = fields.String(required=True)
    kind = fields.Enum(NoticeKind, by_value=True, required=True)
    clock = fields.String(required=True, allow_none=True)
    level = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    read_at = fields.AwareDateTime(required=True, allow_none=True)
    work_order = fields.Nested(LineOut, required=True)


class NoticesOut(Schema):
    """A page of unread notices, oldest first."""

    notices = fields.List(fields.Nested(NoticeOut), required=True)
    next = fields.String(required=True, allow_none=True)


class UnitsIn(PageIn):
    """Which units."""

    q = Text(
        load_default="",
        validate=validate.Length(max=120),
        metadata={"description": "Words that stand in the code or the names"},
    )
    role = Text(load_default=None)
    area = Text(load_default=None)


class UnitOut(NamesOut):
    """A unit: what it is there for, at which level, for which area."""

    role = fields.String(required=True)
    level = fields.String(required=True)
    area = fields.String(required=True, attribute="area_code")


class UnitsOut(Schema):
    """A page of units, by code."""

    units = fields.List(fields.Nested(UnitOut), required=True)
    next = fields.String(required=True, allow_none=True)


class PeriodIn(Schema):
    """A period of time."""

    since = Moment(required=True)
    until = Moment(required=True)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data["until"] <= data["since"]:
            raise ValidationError({"until": ["The end comes after the start."]})


class FirstDispatchOut(Schema):
    """How many work orders stayed with the unit that they were dispatched to first."""

    unit = fields.String(required=True)
    dispatched = fields.Integer(required=True)
    stayed = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)


class FirstDispatchesOut(Schema):
    """The figure of all units together, and of each."""

    dispatched = fields.Integer(required=True)
    stayed = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)
    units = fields.List(fields.Nested(FirstDispatchOut), required=True)
