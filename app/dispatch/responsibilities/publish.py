"""Publish a change of the responsibility list as the next version of the lists."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.catalogue.models import Responsibility
from app.catalogue.packs import lock_versions
from app.catalogue.rulings import change_rulings
from app.dispatch.errors import StaleProposal
from app.dispatch.responsibilities.drafts import change_of, check_draft, draft, what_changed
from app.dispatch.responsibilities.propose import refuse
from app.dispatch.responsibilities.queries import find_proposal
from app.dispatch.responsibilities.rules import Change, NewRule, faults_of, read_change
from app.dispatch.responsibilities.scope import PUBLISHERS, RULERS, check_reach, check_role
from app.dispatch.rule_models import Proposal, ProposalState


def publish(session: Session, proposal_id: UUID, *, by: Person, now: dt.datetime) -> Proposal:
    """Make a draft the list: a new version with its rules, which are rulings, all or nothing.

    One version is made at a time, with loads of the pack. Raises NotYourList, NoSuchProposal, AlreadyPublished, and
    StaleProposal where the list has changed since in what the proposal changes.
    """
    check_role(by, PUBLISHERS)
    lock_versions(session)
    proposal = find_proposal(session, proposal_id, lock=True)
    check_draft(proposal)
    city = current_city(session)
    change = change_of(session, proposal, city=city)
    changed = what_changed(proposal, change, today=now.astimezone(city.timezone).date())
    if changed:
        detail = f"{' '.join(changed)} Read the list again, and propose what you want now."
        raise StaleProposal(detail, changed=changed)
    check_reach(by, change.areas, parents=change.codes.parents, city=city)
    _make_version(session, proposal, change, by=by, now=now)
    return proposal


def publish_rule(
    session: Session,
    *,
    item: str,
    area: str,
    asset_owner: str = "",
    role: str = "",
    unit: str,
    note: str,
    by: Person,
    now: dt.datetime,
) -> Responsibility:
    """Make a ruling a rule at once, in the transaction of the ruling; a ruling about the same gives place to it.

    It counts from today. Raises NotYourList, and RulesRefused with pointers that begin with ``/rule``.
    """
    check_role(by, RULERS)
    lock_versions(session)
    city = current_city(session)
    today = now.astimezone(city.timezone).date()
    rule = NewRule(item=item, role=role, asset_owner=asset_owner, area=area, unit=unit, valid_from=today, note=note)
    change = read_change(session, [rule], [], drafted=today)
    refuse(faults_of(change, today=today, pointer="/rule", again=True))
    check_reach(by, change.areas, parents=change.codes.parents, city=city)
    proposal = draft(session, change, reason=note, by=by, now=now)
    return _make_version(session, proposal, change, by=by, now=now)[0]


def _make_version(
    session: Session, proposal: Proposal, change: Change, *, by: Person, now: dt.datetime
) -> list[Responsibility]:
    closing = {*change.close, *(rule.id for rule in change.replaced)}
    rows = [rule.row() for rule in change.add]
    note = (
        f"proposal {proposal.id}, published by {by.signature}: {len(rows)} rules added, {len(closing)} closed; "
        f"{proposal.reason}"
    )
    number, rules = change_rulings(session, add=rows, close=closing, note=note, now=now)
    proposal.state, proposal.version = ProposalState.PUBLISHED, number
    proposal.published_by, proposal.published_at = by.signature, now
    session.flush()
    return rules
