"""Wire shapes of the responsibility list, its proposals and their replay."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.fields import Text
from app.catalogue.models import Origin, Responsibility
from app.catalogue.queries import RULE_COLUMNS
from app.dispatch.resolve import Basis
from app.dispatch.rule_models import ProposalState

CODE_LENGTH = 120
NOTE_LENGTH = 2000
RULES_MOST = 500
LAST_DEFAULT, LAST_MOST = 1_000, 10_000
PAGE_DEFAULT, PAGE_MOST = 100, 500
VERSIONS_MOST = 100
VERSION_MOST = 2**31


def _code(**keywords: Any) -> Text:
    return Text(validate=validate.Length(max=CODE_LENGTH), **keywords)


def _limit(default: int, most: int) -> fields.Integer:
    return fields.Integer(load_default=default, validate=validate.Range(1, most))


class RuleOut(Schema):
    """A rule: an empty column matches anything."""

    id = fields.UUID(required=True)
    item = fields.String(required=True)
    role = fields.String(required=True)
    asset_owner = fields.String(required=True)
    area = fields.String(required=True)
    unit = fields.String(required=True)
    valid_from = fields.Date(required=True)
    note = fields.String(required=True)
    origin = fields.Enum(Origin, by_value=True, required=True)
    version = fields.Integer(
        required=True, attribute="since", metadata={"description": "The version of the list that brought it"}
    )
    until = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The version that closed it; null while it counts"}
    )


class RulesIn(Schema):
    """Which rules: every value that is given must be equal, the empty one too."""

    item = _code()
    role = _code()
    asset_owner = _code()
    area = _code()
    unit = _code()
    on = fields.Date(metadata={"description": "Only the rules that count on that day"})
    version = fields.Integer(
        validate=validate.Range(1, VERSION_MOST),
        metadata={"description": "The list as of that version; the present one"},
    )
    after = fields.UUID(metadata={"description": "`next` of the page before"})
    limit = _limit(PAGE_DEFAULT, PAGE_MOST)


class RulesOut(Schema):
    """A page of the list."""

    version = fields.Integer(required=True, metadata={"description": "The newest version of the lists"})
    rules = fields.List(fields.Nested(RuleOut), required=True)
    next = fields.UUID(required=True, allow_none=True, metadata={"description": "Send it as `after`; null at the end"})


class RuleHistoryIn(Schema):
    """Of which versions: with one of the columns only what is about exactly these four, an absent one being empty."""

    item = _code()
    role = _code()
    asset_owner = _code()
    area = _code()
    before = fields.Integer(
        validate=validate.Range(1, VERSION_MOST), metadata={"description": "Versions before that number"}
    )
    limit = _limit(20, VERSIONS_MOST)


class RuleChangeOut(Schema):
    """What a version added or closed."""

    count = fields.Integer(required=True)
    rules = fields.List(fields.Nested(RuleOut), required=True, metadata={"description": "The first 100"})


class NewRuleIn(Schema):
    """A rule to add."""

    item = _code(load_default="")
    role = _code(load_default="")
    asset_owner = _code(load_default="")
    area = _code(load_default="")
    unit = _code(required=True)
    valid_from = fields.Date(metadata={"description": "The first day on which it counts; today where it is left out"})
    note = Text(load_default="", validate=validate.Length(max=NOTE_LENGTH))


class NewProposalIn(Schema):
    """A change of the list. To overrule a rule of the pack, add one with the same columns."""

    add = fields.List(fields.Nested(NewRuleIn), load_default=list, validate=validate.Length(max=RULES_MOST))
    close = fields.List(
        fields.UUID(),
        load_default=list,
        validate=validate.Length(max=RULES_MOST),
        metadata={
            "description": "Ids of rules of origin `ruling`. One that an added rule replaces is closed by itself"
        },
    )
    reason = Text(required=True, validate=validate.Length(min=1, max=NOTE_LENGTH))


class ProposedRuleOut(Schema):
    """A rule of a proposal."""

    item = fields.String(required=True)
    role = fields.String(required=True)
    asset_owner = fields.String(required=True)
    area = fields.String(required=True)
    unit = fields.String(required=True)
    valid_from = fields.String(required=True, metadata={"format": "date"})
    note = fields.String(required=True)


class ProposalOut(Schema):
    """A change of the list: a draft, or what made ``version``."""

    id = fields.UUID(required=True)
    state = fields.Enum(ProposalState, by_value=True, required=True)
    reason = fields.String(required=True)
    add = fields.List(fields.Nested(ProposedRuleOut), required=True)
    close = fields.List(fields.UUID(), required=True)
    replaces = fields.List(
        fields.UUID(), required=True, metadata={"description": "Rulings that the added rules take the place of"}
    )
    proposed_by = fields.String(required=True, metadata={"description": "Role and id"})
    proposed_at = fields.AwareDateTime(required=True)
    published_by = fields.String(required=True, allow_none=True)
    published_at = fields.AwareDateTime(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)


class ProposalsIn(Schema):
    """Which proposals."""

    state = fields.Enum(ProposalState, by_value=True, load_default=None)
    limit = _limit(PAGE_DEFAULT, PAGE_MOST)


class RuleVersionOut(Schema):
    """A version of the lists: a load of the pack where no proposal made it."""

    version = fields.Integer(required=True, attribute="number")
    at = fields.AwareDateTime(required=True)
    notes = fields.List(fields.String(), required=True)
    proposal = fields.Nested(ProposalOut, required=True, allow_none=True)
    added = fields.Nested(RuleChangeOut, required=True)
    closed = fields.Nested(RuleChangeOut, required=True)


class ReplayIn(Schema):
    """How far back."""

    last = fields.Integer(
        load_default=LAST_DEFAULT,
        validate=validate.Range(1, LAST_MOST, error=f"From 1 to {LAST_MOST} work orders are replayed."),
    )


class WayUnitOut(Schema):
    """A unit by code and names."""

    code = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)


class ReplayRuleOut(Schema):
    """The rule that a choice rests on; columns that it leaves empty are left out."""

    item = fields.String()
    role = fields.String()
    asset_owner = fields.String()
    area = fields.String()
    version = fields.Integer(required=True)
    valid_from = fields.String(required=True)
    origin = fields.String(required=True)
    note = fields.String(required=True)


class ReplayWhyOut(Schema):
    """Why a unit: what the choice rests on, and the rule where it is one."""

    unit = fields.String(required=True)
    basis = fields.String(required=True, validate=validate.OneOf([basis.value for basis in Basis]))
    rule = fields.Nested(ReplayRuleOut)


class ReplayedOut(Schema):
    """A work order that would go elsewhere."""

    id = fields.String(required=True)
    item = fields.String(required=True)
    street = fields.String(required=True)
    why = fields.Nested(ReplayWhyOut, required=True, allow_none=True)


class ReplayWayOut(Schema):
    """Work orders that would go from one unit to another; null where nobody is responsible."""

    source = fields.Nested(WayUnitOut, required=True, allow_none=True, data_key="from")
    target = fields.Nested(WayUnitOut, required=True, allow_none=True, data_key="to")
    count = fields.Integer(required=True)
    work_orders = fields.List(fields.Nested(ReplayedOut), required=True)


class ReplayOut(Schema):
    """What a proposal would have done to the last work orders in your scope."""

    version = fields.Integer(required=True, metadata={"description": "The list that the proposal was compared with"})
    on = fields.Date(required=True, metadata={"description": "The day whose rules were taken"})
    looked_at = fields.Integer(required=True)
    elsewhere = fields.Integer(required=True, metadata={"description": "How many would go to another unit"})
    ways = fields.List(fields.Nested(ReplayWayOut), required=True, metadata={"description": "The most travelled first"})
    changed = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Why the proposal cannot be published as it is: the list has changed since"},
    )


def columns_of(wanted: dict[str, Any], *more: str) -> dict[str, str]:
    """Take the columns of a rule that were asked for out of a query."""
    return {name: wanted.pop(name) for name in (*RULE_COLUMNS, *more) if name in wanted}


def page(version: int, rules: list[Responsibility], *, limit: int) -> dict[str, Any]:
    """Give the members of a page; one rule more than ``limit`` was read to see whether another one follows."""
    shown = rules[:limit]
    return {"version": version, "rules": shown, "next": shown[-1].id if len(rules) > limit else None}
