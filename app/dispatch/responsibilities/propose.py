"""Propose a change of the responsibility list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.dispatch.errors import RulesRefused
from app.dispatch.responsibilities.drafts import draft
from app.dispatch.responsibilities.rules import Fault, NewRule, faults_of, read_change
from app.dispatch.responsibilities.scope import PROPOSERS, check_reach, check_role
from app.dispatch.rule_models import Proposal


def propose(
    session: Session, *, add: Sequence[NewRule], close: Sequence[UUID], reason: str, by: Person, now: dt.datetime
) -> Proposal:
    """Keep a checked change of the list as a draft.

    Rulings that the new rules take the place of need not be named in ``close``. Raises NotYourList, and RulesRefused
    for unknown codes, rules of the pack in ``close``, and rules that could never count.
    """
    check_role(by, PROPOSERS)
    city = current_city(session)
    today = now.astimezone(city.timezone).date()
    change = read_change(session, add, close, drafted=today)
    faults = faults_of(change, today=today)
    if not add and not close:
        faults.append({"pointer": "/add", "detail": "The proposal changes nothing: add a rule, or close one."})
    refuse(faults)
    check_reach(by, change.areas, parents=change.codes.parents, city=city)
    return draft(session, change, reason=reason, by=by, now=now)


def refuse(faults: Sequence[Fault]) -> None:
    """Raise RulesRefused where there is a fault."""
    if faults:
        detail = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in faults)
        raise RulesRefused(detail, errors=list(faults))
