"""Reads of the current lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, and_, func, literal, or_, select, tuple_, union, union_all
from sqlalchemy.orm import Session, aliased

from app.catalogue import search
from app.catalogue.city import Language, current_city
from app.catalogue.models import Item, Joining, Origin, Responsibility, Unit

CONFLICTS_TOLD = 50
CHANGES_TOLD = 100
RULE_COLUMNS = ("item", "role", "asset_owner", "area")


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


def list_units(
    session: Session, words: str, *, role: str | None = None, area: str | None = None, after: str = "", limit: int
) -> list[Unit]:
    """List at most ``limit`` current units by code, behind the code ``after``.

    All ``words`` stand in code or names; of a role or an area, where it is named.
    """
    statement = select(Unit).where(Unit.until.is_(None), Unit.code > after)
    for word in words.split():
        names = (Unit.code, Unit.name_zh, Unit.name_en)
        statement = statement.where(or_(*(name.icontains(word, autoescape=True) for name in names)))
    for column, value in ((Unit.role, role), (Unit.area_code, area)):
        statement = statement.where(column == value) if value is not None else statement
    return list(session.scalars(statement.order_by(Unit.code).limit(limit)))


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


def list_rules(
    session: Session,
    *,
    columns: Mapping[str, str],
    on: dt.date | None = None,
    version: int | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Responsibility]:
    """List at most ``limit`` rules in the order in which they came, behind the rule ``after``.

    ``columns`` asks for exact values, an empty one among them; ``on`` for the rules that count on that day. The
    current rules are given, or those of a ``version``.
    """
    rules = Responsibility
    statement = select(rules).where(*[getattr(rules, name) == value for name, value in columns.items()])
    if version is None:
        statement = statement.where(rules.until.is_(None))
    else:
        statement = statement.where(rules.since <= version, or_(rules.until.is_(None), rules.until > version))
    if on is not None:
        statement = statement.where(rules.valid_from <= on)
    if after is not None:
        statement = statement.where(rules.id > after)
    return list(session.scalars(statement.order_by(rules.id).limit(limit)))


def rules_of(session: Session, ids: Collection[UUID]) -> dict[UUID, Responsibility]:
    """Give the rules of these ids, whether they are current or closed."""
    found = session.scalars(select(Responsibility).where(Responsibility.id.in_(ids)))
    return {rule.id: rule for rule in found}


def alike(session: Session, columns: Collection[tuple[str, ...]]) -> list[Responsibility]:
    """List the current rules that name the same ``RULE_COLUMNS`` as one of ``columns``."""
    named = tuple_(*[getattr(Responsibility, name) for name in RULE_COLUMNS])
    statement = select(Responsibility).where(Responsibility.until.is_(None), named.in_(columns))
    return list(session.scalars(statement.order_by(Responsibility.id)))


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Rules that a version added or closed: how many, and the first of them."""

    count: int = 0
    rules: Sequence[Responsibility] = ()


def versions_touching(columns: Mapping[str, str]) -> Select[tuple[int]]:
    """Select the numbers of the versions that added or closed a rule with these values."""
    named = [getattr(Responsibility, name) == value for name, value in columns.items()]
    since = select(Responsibility.since).where(*named)
    until = select(Responsibility.until).where(*named, Responsibility.until.is_not(None))
    return select(union(since, until).subquery().c[0])


def rule_changes(
    session: Session, numbers: Collection[int], *, columns: Mapping[str, str] | None = None
) -> dict[tuple[int, str], RuleChange]:
    """Give what versions ``added`` and ``closed``, by number and word, in one statement.

    Of more than ``CHANGES_TOLD`` rules a version the count is given, and the first ones.
    """
    named = [getattr(Responsibility, name) == value for name, value in (columns or {}).items()]
    parts = [
        select(Responsibility.id, number.label("number"), literal(what).label("what")).where(
            number.in_(numbers), *named
        )
        for what, number in (("added", Responsibility.since), ("closed", Responsibility.until))
    ]
    changes = union_all(*parts).subquery()
    group = (changes.c.number, changes.c.what)
    ranked = select(
        *changes.c,
        func.count().over(partition_by=group).label("count"),
        func.row_number().over(partition_by=group, order_by=changes.c.id).label("place"),
    ).subquery()
    statement = (
        select(ranked.c.number, ranked.c.what, ranked.c.count, Responsibility)
        .join(Responsibility, Responsibility.id == ranked.c.id)
        .where(ranked.c.place <= CHANGES_TOLD)
        .order_by(ranked.c.place)
    )
    found: dict[tuple[int, str], RuleChange] = {}
    for number, what, count, rule in session.execute(statement):
        known = found.get((number, what), RuleChange())
        found[number, what] = RuleChange(count, (*known.rules, rule))
    return found


def sample_item(session: Session) -> str | None:
    """Give the code of an item that joins by itself, else of the first; None where no item is loaded."""
    best = select(Item.code).where(Item.until.is_(None)).order_by(Item.joining != Joining.AUTO, Item.position)
    return session.scalar(best.limit(1))


def ruling_conflicts(session: Session) -> list[str]:
    """Name the rules of rulings that a rule of the pack contradicts: the same columns, another unit."""
    ruling, pack = aliased(Responsibility), aliased(Responsibility)
    statement = (
        select(ruling, pack.unit)
        .join(pack, and_(*[getattr(pack, name) == getattr(ruling, name) for name in RULE_COLUMNS]))
        .where(ruling.until.is_(None), pack.until.is_(None), ruling.unit != pack.unit)
        .where(ruling.origin == Origin.RULING, pack.origin == Origin.PACK)
        .order_by(ruling.id)
        .limit(CONFLICTS_TOLD)
    )
    return [
        f"a ruling gives {say_columns(rule)} to {rule.unit}, the pack to {unit}; both are kept"
        for rule, unit in session.execute(statement)
    ]


def say_columns(rule: Responsibility) -> str:
    """Name what a rule is about in one line."""
    named = (("item", rule.item), ("role", rule.role), ("owner", rule.asset_owner), ("area", rule.area))
    return ", ".join(f"{name} {value}" for name, value in named if value) or "everything"
