"""Reads of the responsibility list: proposals, versions, the codes that a rule may name, the facts of work orders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import Session, aliased

from app.accounts.roles import Role
from app.accounts.service import Person
from app.assets.models import Asset
from app.catalogue.city import City
from app.catalogue.models import Item, PackVersion, Responsibility, Unit
from app.catalogue.queries import RuleChange, rule_changes, versions_touching
from app.dispatch.errors import NoSuchProposal
from app.dispatch.lists import in_scope
from app.dispatch.responsibilities.scope import READERS, check_role
from app.dispatch.rule_models import Proposal, ProposalState
from app.geo.models import Area
from app.workorders.models import WorkOrder

Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of the current lists: ``items`` with their role, ``parents`` of areas, the city's among them."""

    items: Mapping[str, str]
    roles: frozenset[str]
    units: frozenset[str]
    parents: Mapping[str, str]


def read_codes(session: Session) -> Codes:
    """Read the codes that a rule may name."""
    items = _pairs(session, Item.code, Item.responsible_role, Item.until)
    units = _pairs(session, Unit.code, Unit.role, Unit.until)
    parents = _pairs(session, Area.code, Area.parent, Area.until)
    roles = frozenset({*items.values(), *units.values()} - {""})
    return Codes(items, roles, frozenset(units), parents)


def _pairs(session: Session, key: Any, value: Any, until: Any) -> dict[str, str]:
    return {row[0]: row[1] for row in session.execute(select(key, value).where(until.is_(None)))}


def find_proposal(session: Session, proposal_id: UUID, *, lock: bool = False) -> Proposal:
    """Find a proposal. Raises NoSuchProposal."""
    found = session.get(Proposal, proposal_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        message = f"There is no proposal {proposal_id}."
        raise NoSuchProposal(message)
    return found


def show_proposal(session: Session, proposal_id: UUID, *, by: Person) -> Proposal:
    """Give a proposal to somebody who may propose, or who audits. Raises NotYourList or NoSuchProposal."""
    check_role(by, READERS)
    return find_proposal(session, proposal_id)


def list_proposals(session: Session, *, state: ProposalState | None, limit: int, by: Person) -> Sequence[Proposal]:
    """List proposals, the newest first. Raises NotYourList."""
    check_role(by, READERS)
    statement = select(Proposal).order_by(Proposal.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(Proposal.state == state)
    return session.scalars(statement).all()


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the lists: what it did to the rules, and which proposal made it, where one did."""

    number: int
    at: dt.datetime
    notes: Sequence[str]
    proposal: Proposal | None
    added: RuleChange = field(default_factory=RuleChange)
    closed: RuleChange = field(default_factory=RuleChange)


def list_versions(
    session: Session, *, columns: Mapping[str, str] | None, before: int | None, limit: int
) -> list[Version]:
    """List versions with what each added and closed, the newest first.

    ``columns`` asks for the rules about one thing, and for the versions that touched them.
    """
    versions = PackVersion
    statement = (
        select(versions.number, versions.loaded_at, versions.notes, Proposal)
        .outerjoin(Proposal, Proposal.version == versions.number)
        .order_by(versions.number.desc())
        .limit(limit)
    )
    if columns is not None:
        statement = statement.where(versions.number.in_(versions_touching(columns)))
    if before is not None:
        statement = statement.where(versions.number < before)
    rows = session.execute(statement).all()
    changes = rule_changes(session, [row.number for row in rows], columns=columns)
    return [
        Version(
            row.number,
            row.loaded_at,
            row.notes,
            row.Proposal,
            changes.get((row.number, "added"), RuleChange()),
            changes.get((row.number, "closed"), RuleChange()),
        )
        for row in rows
    ]


def current_rules(session: Session) -> Sequence[Responsibility]:
    """Give all current rules."""
    return session.scalars(select(Responsibility).where(Responsibility.until.is_(None))).all()


def current_units(session: Session) -> Sequence[Unit]:
    """Give all current units by code."""
    return session.scalars(select(Unit).where(Unit.until.is_(None)).order_by(Unit.code)).all()


def last_work_orders(session: Session, *, last: int, by: Person, city: City) -> Sequence[Found]:
    """Give what a choice depends on for the last work orders in the scope of ``by``, the newest first.

    The role of an item and the owner of an asset are those of today; of what the lists hold no more, those of then.
    Keys are time-ordered: the newest are found by the primary key.
    """
    chosen = select(WorkOrder).where(*_in_scope(by, city)).order_by(WorkOrder.id.desc()).limit(last).subquery()
    order = aliased(WorkOrder, chosen)
    item, asset = aliased(Item), aliased(Asset)
    rows: Sequence[Found] = session.execute(
        select(
            order.public_id,
            order.item_code,
            order.community,
            order.street,
            order.district,
            func.coalesce(item.responsible_role, Item.responsible_role).label("role"),
            func.coalesce(asset.owner, Asset.owner, "").label("owner"),
        )
        .join(Item, Item.id == order.item_id)
        .outerjoin(item, and_(item.code == order.item_code, item.until.is_(None)))
        .outerjoin(Asset, Asset.id == order.asset_id)
        .outerjoin(asset, and_(asset.asset_class == Asset.asset_class, asset.code == Asset.code, asset.until.is_(None)))
        .order_by(order.id.desc())
    ).all()
    return rows


def _in_scope(by: Person, city: City) -> list[ColumnElement[bool]]:
    """Give the scope of a person as conditions; the service itself sees everything."""
    return [] if by.role is Role.SYSTEM else [in_scope(by, city)]
