"""Drafts of a change: write one, read it beside the list as it is now, see whether the list has changed under it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import City
from app.catalogue.queries import say_columns
from app.dispatch.errors import AlreadyPublished
from app.dispatch.responsibilities.rules import Change, NewRule, faults_of, read_change
from app.dispatch.rule_models import Proposal, ProposalState


def draft(session: Session, change: Change, *, reason: str, by: Person, now: dt.datetime) -> Proposal:
    """Write a draft of a checked change."""
    proposal = Proposal(
        state=ProposalState.DRAFT,
        reason=reason,
        add=[rule.stored() for rule in change.add],
        close=[str(id_) for id_ in change.close],
        replaces=[str(rule.id) for rule in change.replaced],
        proposed_by=by.signature,
        proposed_at=now,
    )
    session.add(proposal)
    session.flush()
    return proposal


def check_draft(proposal: Proposal) -> None:
    """Refuse a proposal that is the list already. Raises AlreadyPublished."""
    if proposal.state is ProposalState.PUBLISHED:
        raise AlreadyPublished(f"Version {proposal.version} has it already.", version=proposal.version)


def change_of(session: Session, proposal: Proposal, *, city: City) -> Change:
    """Read the change of a proposal beside the list as it is now."""
    drafted = proposal.proposed_at.astimezone(city.timezone).date()
    add = [NewRule.from_stored(stored) for stored in proposal.add]
    return read_change(session, add, [UUID(id_) for id_ in proposal.close], drafted=drafted)


def what_changed(proposal: Proposal, change: Change, *, today: dt.date) -> list[str]:
    """Say what of the list has changed since a proposal was made, in what it changes."""
    replaced = {str(rule.id): rule for rule in change.replaced}
    lines = [fault["detail"] for fault in faults_of(change, today=today)]
    lines += [
        f"Version {rule.since} has a ruling on {say_columns(rule)} that the proposal does not know."
        for id_, rule in replaced.items()
        if id_ not in proposal.replaces
    ]
    gone = len(set(proposal.replaces) - set(replaced))
    lines += [f"{gone} of the rulings that it takes the place of are closed already."] if gone else []
    return lines
