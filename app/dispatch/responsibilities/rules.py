"""The rules of a proposal: what they may say, and which rulings they take the place of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalogue.models import Origin, Responsibility
from app.catalogue.queries import RULE_COLUMNS, alike, rules_of, say_columns
from app.dispatch.responsibilities.queries import Codes, read_codes

Fault = dict[str, str]
Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """A rule that somebody wants: an empty column matches anything."""

    item: str = ""
    role: str = ""
    asset_owner: str = ""
    area: str = ""
    unit: str
    valid_from: dt.date
    note: str = ""

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> NewRule:
        """Read a rule as a proposal keeps it."""
        return cls(**{**stored, "valid_from": dt.date.fromisoformat(stored["valid_from"])})

    @property
    def columns(self) -> Columns:
        """Give what the rule is about, in the order of RULE_COLUMNS."""
        return tuple(getattr(self, name) for name in RULE_COLUMNS)

    def stored(self) -> dict[str, Any]:
        """Give the form that a proposal keeps."""
        return {**asdict(self), "valid_from": self.valid_from.isoformat()}

    def row(self) -> dict[str, Any]:
        """Give the columns of the table."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """Rules to add and ids of rulings to close, beside the list as it is.

    ``drafted`` is the day on which the change was proposed, ``found`` the rules of the ids, ``alike`` the current rules
    about the same as an added one.
    """

    add: Sequence[NewRule]
    close: Sequence[UUID]
    drafted: dt.date
    codes: Codes
    found: Mapping[UUID, Responsibility]
    alike: Mapping[Columns, Sequence[Responsibility]]

    @property
    def replaced(self) -> list[Responsibility]:
        """Give the rulings that the added rules take the place of: they would never count again."""
        pairs = ((rule, old) for rule in self.add for old in self.alike.get(rule.columns, ()))
        found = {old.id: old for rule, old in pairs if self._replaces(rule, old)}
        return [old for id_, old in found.items() if id_ not in self.close]

    @property
    def areas(self) -> set[str]:
        """Give the areas of all rules that would come or go."""
        old = (*self.found.values(), *self.replaced)
        return {*(rule.area for rule in self.add), *(rule.area for rule in old)}

    def _replaces(self, rule: NewRule, old: Responsibility) -> bool:
        # Until a rule of the future counts, the older one still does.
        behind = old.valid_from <= rule.valid_from <= self.drafted
        return old.origin is Origin.RULING and (behind or old.valid_from == rule.valid_from)


def read_change(session: Session, add: Sequence[NewRule], close: Sequence[UUID], *, drafted: dt.date) -> Change:
    """Read what a change is checked against, in a statement for each list."""
    near: dict[Columns, list[Responsibility]] = {}
    for old in alike(session, {rule.columns for rule in add}) if add else ():
        near.setdefault(tuple(getattr(old, name) for name in RULE_COLUMNS), []).append(old)
    found = rules_of(session, close) if close else {}
    return Change(add, close, drafted, read_codes(session), found, near)


def faults_of(change: Change, *, today: dt.date, pointer: str = "/add/{}", again: bool = False) -> list[Fault]:
    """Find every fault of a change, each with its JSON Pointer; ``pointer`` leads to an added rule.

    ``again`` allows a rule that a ruling of the same unit says already.
    """
    return [*_rule_faults(change, pointer, today=today, again=again), *_closing(change)]


def _rule_faults(change: Change, pointer: str, *, today: dt.date, again: bool) -> Iterator[Fault]:
    seen: set[tuple[Columns, dt.date]] = set()
    for position, rule in enumerate(change.add):
        at = pointer.format(position)
        yield from _unknown(rule, change.codes, at)
        yield from _unreachable(rule, change.codes, at)
        if (rule.columns, rule.valid_from) in seen:
            yield _fault(at, "Another rule of this proposal has the same columns and day; keep one of them.")
        seen.add((rule.columns, rule.valid_from))
        others = [old for old in change.alike.get(rule.columns, ()) if old.id not in change.close]
        yield from _outranked(rule, others, at, today=today)
        if not again:
            yield from _said_already(rule, others, at)


def _unknown(rule: NewRule, codes: Codes, at: str) -> Iterator[Fault]:
    lists: tuple[tuple[str, Collection[str]], ...] = (
        ("item", codes.items),
        ("role", codes.roles),
        ("asset_owner", codes.units),
        ("area", codes.parents),
        ("unit", codes.units),
    )
    for column, known in lists:
        value = getattr(rule, column)
        if (value or column == "unit") and value not in known:
            yield _fault(f"{at}/{column}", f"{value!r} is not known to the current lists.")


def _unreachable(rule: NewRule, codes: Codes, at: str) -> Iterator[Fault]:
    if not any(rule.columns):
        yield _fault(at, "Name an item, a role, an asset_owner or an area: the rule would match everything.")
    role = codes.items.get(rule.item, rule.role)
    if rule.role not in ("", role):
        yield _fault(f"{at}/role", f"The item has the role {role!r}: the rule would match nothing. Leave the role out.")


def _outranked(rule: NewRule, others: Sequence[Responsibility], at: str, *, today: dt.date) -> Iterator[Fault]:
    for old in others:
        if rule.valid_from < old.valid_from <= today:
            detail = (
                f"A rule about the same gives it to {old.unit} from {old.valid_from} on; take that day or a later one."
            )
            yield _fault(f"{at}/valid_from", detail)


def _said_already(rule: NewRule, others: Sequence[Responsibility], at: str) -> Iterator[Fault]:
    for old in others:
        if old.origin is Origin.RULING and old.unit == rule.unit and old.valid_from <= rule.valid_from:
            yield _fault(at, f"A ruling of version {old.since} says so already.")


def _closing(change: Change) -> Iterator[Fault]:
    for position, id_ in enumerate(change.close):
        at, old = f"/close/{position}", change.found.get(id_)
        if old is None:
            yield _fault(at, f"The list has no rule {id_}.")
        elif old.until is not None:
            yield _fault(at, f"Version {old.until} closed the rule on {say_columns(old)} already.")
        elif old.origin is Origin.PACK:
            detail = (
                "This rule comes from the city pack, and the next load of the pack would bring it back. Change the "
                "pack, or add a rule with the same columns and another unit: a ruling ranks before the pack."
            )
            yield _fault(at, detail)
        elif id_ in change.close[:position]:
            yield _fault(at, "This rule is named twice.")


def _fault(pointer: str, detail: str) -> Fault:
    return {"pointer": pointer, "detail": detail}
