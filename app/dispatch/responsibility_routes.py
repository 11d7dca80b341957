"""HTTP of the responsibility list: read it, propose a change, replay it, publish it, read its history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.api.blueprint import Blueprint
from app.api.guard import current_person, staff_only
from app.catalogue.city import current_city
from app.catalogue.queries import RULE_COLUMNS, list_rules
from app.db import Reading, Session, utcnow
from app.dispatch import responsibilities
from app.dispatch import responsibility_schemas as schemas
from app.dispatch.responsibilities import NewRule
from app.dispatch.rule_models import Proposal

blp = Blueprint(
    "responsibilities", __name__, url_prefix="/api/v1/responsibilities", description="Who is responsible for what"
)


@blp.get("")
@staff_only
@blp.arguments(schemas.RulesIn, location="query")
@blp.response(200, schemas.RulesOut)
def list_responsibilities(wanted: dict[str, Any]) -> dict[str, Any]:
    """List the rules, or those of an earlier version

    An empty column of a rule matches anything. The most specific rule counts: asset owner, then item, then the
    smaller area, then role; between equals the later day, then a ruling before the pack.
    """
    columns, limit = schemas.columns_of(wanted, "unit"), wanted.pop("limit")
    with Reading() as session:
        rules = list_rules(session, columns=columns, **wanted, limit=limit + 1)
        return schemas.page(current_city(session).version, rules, limit=limit)


@blp.get("/history")
@staff_only
@blp.arguments(schemas.RuleHistoryIn, location="query")
@blp.response(200, schemas.RuleVersionOut(many=True))
def history(wanted: dict[str, Any]) -> list[Any]:
    """Show the versions of the list, or of the rules about one thing: what each added and closed, who, why"""
    asked = schemas.columns_of(wanted)
    columns = dict.fromkeys(RULE_COLUMNS, "") | asked if asked else None
    with Reading() as session:
        return responsibilities.list_versions(
            session, columns=columns, before=wanted.get("before"), limit=wanted["limit"]
        )


@blp.get("/proposals")
@staff_only
@blp.arguments(schemas.ProposalsIn, location="query")
@blp.response(200, schemas.ProposalOut(many=True))
def proposals(wanted: dict[str, Any]) -> list[Any]:
    """List the proposals, the newest first"""
    with Reading() as session:
        return list(responsibilities.list_proposals(session, **wanted, by=current_person()))


@blp.post("/proposals")
@staff_only(scope="manage")
@blp.arguments(schemas.NewProposalIn)
@blp.response(201, schemas.ProposalOut)
def propose(new: dict[str, Any]) -> Proposal:
    """Propose a change of the list

    It is kept as a draft. Replay it to see what it would do, then publish it.
    """
    now = utcnow()
    with Session.begin() as session:
        today = now.astimezone(current_city(session).timezone).date()
        add = [NewRule(**({"valid_from": today} | rule)) for rule in new.pop("add")]
        return responsibilities.propose(session, add=add, **new, by=current_person(), now=now)


@blp.get("/proposals/<uuid:proposal_id>")
@staff_only
@blp.response(200, schemas.ProposalOut)
def proposal(proposal_id: UUID) -> Proposal:
    """Show a proposal"""
    with Reading() as session:
        return responsibilities.show_proposal(session, proposal_id, by=current_person())


@blp.post("/proposals/<uuid:proposal_id>/replay")
@staff_only(scope="manage", reads=True)
@blp.arguments(schemas.ReplayIn)
@blp.response(200, schemas.ReplayOut)
def replay(wanted: dict[str, Any], proposal_id: UUID) -> responsibilities.Replay:
    """See which of the last work orders would go elsewhere

    Nothing is changed. Those that you may see are looked at, the newest first.
    """
    with Reading() as session:
        return responsibilities.replay(session, proposal_id, **wanted, by=current_person(), now=utcnow())


@blp.post("/proposals/<uuid:proposal_id>/publish")
@staff_only(scope="manage")
@blp.response(200, schemas.ProposalOut)
def publish(proposal_id: UUID) -> Proposal:
    """Publish a proposal: the next version of the list, from now on"""
    with Session.begin() as session:
        return responsibilities.publish(session, proposal_id, by=current_person(), now=utcnow())
