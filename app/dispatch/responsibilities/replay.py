"""Replay past work orders against a proposal: how many would go elsewhere, and which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.catalogue.models import Origin, Responsibility, Unit
from app.dispatch.resolve import Facts
from app.dispatch.responsibilities.drafts import change_of, check_draft, what_changed
from app.dispatch.responsibilities.queries import Found, current_rules, current_units, find_proposal, last_work_orders
from app.dispatch.responsibilities.rules import Change
from app.dispatch.responsibilities.scope import READERS, check_role
from app.dispatch.rule_book import RuleBook
from app.dispatch.rule_models import Proposal
from app.versions import REPORT_EVERY, Progress


@dataclass(frozen=True, slots=True)
class Moved:
    """A work order that would go elsewhere; ``why`` is the explanation of its new unit."""

    id: str
    item: str
    street: str
    why: dict[str, Any]


@dataclass(slots=True)
class Way:
    """The work orders that would go from one unit to another; a unit is None where nobody is responsible."""

    source: Unit | None
    target: Unit | None
    work_orders: list[Moved] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Count them."""
        return len(self.work_orders)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a proposal would have done to the last work orders, most of all first.

    ``on`` is the day whose rules were taken, ``version`` the list that the proposal was compared with; ``changed`` says
    why the proposal cannot be published as it is.
    """

    proposal: Proposal
    on: dt.date
    version: int
    looked_at: int
    ways: list[Way]
    changed: list[str]

    @property
    def elsewhere(self) -> int:
        """Count the work orders that would go elsewhere."""
        return sum(way.count for way in self.ways)


def replay(
    session: Session, proposal_id: UUID, *, last: int, by: Person, now: dt.datetime, progress: Progress | None = None
) -> Replay:
    """Choose anew for the last work orders that ``by`` may see, with the list as it is and as it is proposed.

    Both are taken as of today, or of the day from which all rules of the proposal count. Raises NotYourList,
    NoSuchProposal or AlreadyPublished. Ten statements, however many work orders.
    """
    check_role(by, READERS)
    proposal = find_proposal(session, proposal_id)
    check_draft(proposal)
    city = current_city(session)
    today = now.astimezone(city.timezone).date()
    change = change_of(session, proposal, city=city)
    on = max([today, *(rule.valid_from for rule in change.add)])
    rules, units = current_rules(session), current_units(session)
    present = RuleBook(rules, units, city=city, on=on)
    proposed = RuleBook(_as_proposed(rules, change, city.version + 1), units, city=city, on=on)
    orders = last_work_orders(session, last=last, by=by, city=city)
    ways = _compare(_counted(orders, progress), present, proposed, city)
    changed = what_changed(proposal, change, today=today)
    return Replay(proposal, on, city.version, len(orders), ways, changed)


def _as_proposed(rules: Iterable[Responsibility], change: Change, version: int) -> list[Responsibility]:
    closing = {*change.close, *(rule.id for rule in change.replaced)}
    added = [
        Responsibility(**rule.row(), origin=Origin.RULING, since=version, until=None, digest="") for rule in change.add
    ]
    return [*(rule for rule in rules if rule.id not in closing), *added]


def _compare(orders: Iterable[Found], present: RuleBook, proposed: RuleBook, city: City) -> list[Way]:
    ways: dict[tuple[str, str], Way] = {}
    for order in orders:
        facts = facts_of(order, city)
        old, new = present.choose(facts), proposed.choose(facts)
        source, target = old.unit if old else None, new.unit if new else None
        if source is target:
            continue
        key = source.code if source else "", target.code if target else ""
        moved = Moved(order.public_id, order.item_code, order.street, new.why() if new else {})
        ways.setdefault(key, Way(source, target)).work_orders.append(moved)
    return sorted(ways.values(), key=lambda way: -way.count)


def facts_of(order: Found, city: City) -> Facts:
    """Give what the choice for a work order depends on."""
    areas = tuple(code for code in (order.community, order.street, order.district, city.code) if code)
    return Facts(order.item_code, order.role, order.owner, areas)


def _counted(orders: Sequence[Found], progress: Progress | None) -> Iterator[Found]:
    for done, order in enumerate(orders, start=1):
        yield order
        if progress and done % REPORT_EVERY == 0:
            progress(REPORT_EVERY)
    if progress:
        progress(len(orders) % REPORT_EVERY)
