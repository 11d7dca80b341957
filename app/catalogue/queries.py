"""Reads of the current lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from app.catalogue import search
from app.catalogue.city import Language, current_city
from app.catalogue.models import Item, Joining, Origin, Responsibility, Unit

CONFLICTS_TOLD = 50


def list_items(session: Session) -> list[Item]:
    """List the current items in the order of the catalogue."""
    return list(session.scalars(select(Item).where(Item.until.is_(None)).order_by(Item.position)))


def search_items(session: Session, words: str, *, language: Language, limit: int) -> list[Item]:
    """List at most ``limit`` current items that ``words`` may mean, the best first; of no words, the first ones.

    Names and keywords of both languages are searched, the names of ``language`` first.
    """
    lines = search.lines(session, current_city(session))
    codes = search.ranked(lines, words, language)[:limit]
    found = session.scalars(select(Item).where(Item.until.is_(None), Item.code.in_(codes)))
    by_code = {item.code: item for item in found}
    return [by_code[code] for code in codes if code in by_code]


def matching_rules(
    session: Session, *, item: str, role: str, asset_owner: str | None, areas: Sequence[str], on: dt.date
) -> list[Responsibility]:
    """List the current rules, valid on a day, whose every column is empty or equal; a later ``valid_from`` first.

    ``areas`` are the codes of a place's areas. An asset without an owner, like none at all, matches the rules that
    name none.
    """
    rules = Responsibility
    statement = select(rules).where(
        rules.until.is_(None),
        rules.item.in_(["", item]),
        rules.role.in_(["", role]),
        rules.asset_owner.in_(["", asset_owner or ""]),
        rules.area.in_(["", *areas]),
        rules.valid_from <= on,
    )
    return list(session.scalars(statement.order_by(rules.valid_from.desc(), rules.id)))


def units_for(session: Session, *, role: str, areas: Sequence[str]) -> list[Unit]:
    """List the current units of a role that act for any of the areas, by code."""
    statement = select(Unit).where(Unit.until.is_(None), Unit.role == role, Unit.area_code.in_(areas))
    return list(session.scalars(statement.order_by(Unit.code)))


def sample_item(session: Session) -> str | None:
    """Give the code of an item that joins by itself, else of the first; None where no item is loaded."""
    best = select(Item.code).where(Item.until.is_(None)).order_by(Item.joining != Joining.AUTO, Item.position)
    return session.scalar(best.limit(1))


def ruling_conflicts(session: Session) -> list[str]:
    """Name the rules of rulings that a rule of the pack contradicts: the same columns, another unit."""
    ruling, pack = aliased(Responsibility), aliased(Responsibility)
    columns = ("item", "role", "asset_owner", "area")
    statement = (
        select(ruling, pack.unit)
        .join(pack, and_(*[getattr(pack, name) == getattr(ruling, name) for name in columns]))
        .where(ruling.until.is_(None), pack.until.is_(None), ruling.unit != pack.unit)
        .where(ruling.origin == Origin.RULING, pack.origin == Origin.PACK)
        .order_by(ruling.id)
        .limit(CONFLICTS_TOLD)
    )
    return [
        f"a ruling gives {_columns(rule)} to {rule.unit}, the pack to {unit}; both are kept"
        for rule, unit in session.execute(statement)
    ]


def _columns(rule: Responsibility) -> str:
    named = (("item", rule.item), ("role", rule.role), ("owner", rule.asset_owner), ("area", rule.area))
    return ", ".join(f"{name} {value}" for name, value in named if value) or "everything"
