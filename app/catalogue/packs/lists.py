"""The part of a pack that is lists: units, items, responsibilities, calendar; check and load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy.orm import Session

from app.catalogue.city import DISPATCH_CENTRE
from app.catalogue.models import Item, Origin, Responsibility, Unit
from app.catalogue.packs import columns
from app.catalogue.packs.faults import Fault, warning
from app.catalogue.packs.pack import HISTORY, Pack
from app.catalogue.packs.tables import Row, stream_table
from app.geo.models import Level
from app.versions import Progress, supersede

RULE_KEY = ("item", "role", "asset_owner", "area", "valid_from")


class ListPart:
    """Units, items and rules."""

    name = "lists"

    def check(self, pack: Pack) -> Iterator[Fault]:
        """Find faults of codes, and of what one list says about another."""
        for table in (pack.units.rows, pack.items.rows):
            yield from _twice(table, ("code",))
            yield from (row.fault("name_zh and name_en are both empty") for row in table if not _named(row))
        yield from _twice(pack.rules.rows, RULE_KEY)
        yield from _twice(pack.calendar.rows, ("date",))
        yield from _units(pack)
        yield from _items(pack)
        yield from _rules(pack)
        yield from _history(pack)

    def load(self, session: Session, pack: Pack, version: int, progress: Progress | None) -> dict[str, int]:
        """Make the lists of the pack the current ones, rules of rulings left as they are; give their lengths."""
        items = ({**row.values, "position": place} for place, row in enumerate(pack.items.rows))
        rules = ({**row.values, "origin": Origin.PACK} for row in pack.rules.rows)
        key = (*RULE_KEY, "origin")
        ours = Responsibility.origin == Origin.PACK
        units = (row.values for row in pack.units.rows)
        loaded = {
            "units": supersede(session, Unit, units, version=version, key=("code",), progress=progress),
            "items": supersede(session, Item, items, version=version, key=("code",), progress=progress),
            "rules": supersede(session, Responsibility, rules, version=version, key=key, where=ours, progress=progress),
        }
        return {name: counts.added + counts.kept for name, counts in loaded.items()}


def _named(row: Row) -> bool:
    return bool(row["name_zh"] or row["name_en"])


def _twice(rows: list[Row], key: tuple[str, ...]) -> Iterator[Fault]:
    first: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        value = tuple(row[column] for column in key)
        other = first.setdefault(value, row)
        if other is not row and None not in value:
            said = ", ".join(str(part) for part in value if part)
            yield row.fault(f"{said} is there already in line {other.where}")


def _levels(pack: Pack) -> dict[str, Level]:
    """Give the level of every area of the pack by code, the city's among them."""
    found = {feature.text("code"): level for level, areas in pack.areas.items() for feature in areas.features}
    return {**found, pack.code: Level.CITY}


def _codes(rows: list[Row], column: str = "code") -> set[str]:
    return {row[column] for row in rows if row[column]}


def _units(pack: Pack) -> Iterator[Fault]:
    levels = _levels(pack)
    for row in pack.units.rows:
        level = levels.get(row["area_code"])
        if row["area_code"] and level is None:
            yield row.fault(f"the area {row['area_code']} is not known")
        elif level and row["level"] and row["level"] is not level:
            yield row.fault(f"the level is {row['level']}, but the area {row['area_code']} is a {level}")
    yield from _streets(pack)
    roles = _codes(pack.units.rows, "role")
    if pack.units.rows and DISPATCH_CENTRE not in roles:
        yield warning("units.csv", "", f"no unit has the role {DISPATCH_CENTRE}: nobody hears of breached clocks")


def _streets(pack: Pack) -> Iterator[Fault]:
    """Demand one unit of the fallback role for every street: whatever happens there has somebody (兜底)."""
    role = pack.settings.get("fallback_role")
    served = Counter(row["area_code"] for row in pack.units.rows if row["role"] == role)
    for feature in pack.areas[Level.STREET].features if Level.STREET in pack.areas else ():
        code = feature.text("code")
        if not served[code]:
            yield feature.fault(f"the street {code} has no unit of the fallback role {role} in units.csv")
        elif served[code] > 1:
            yield feature.warning(
                f"the street {code} has {served[code]} units of the role {role}; the first code counts"
            )


def _items(pack: Pack) -> Iterator[Fault]:
    roles = _codes(pack.units.rows, "role")
    told: set[str] = set()
    for row in pack.items.rows:
        role = row["responsible_role"]
        if role and role not in roles | told:
            told.add(role)
            yield row.warning(f"no unit has the role {role}: its items go to the street's unit")
    fallback = pack.settings.get("fallback_item")
    if not pack.items.rows:
        yield Fault("catalogue.csv", "", "the catalogue has no item")
    elif fallback not in _codes(pack.items.rows):
        yield Fault("city.toml", "", f"fallback_item: {fallback!r} is no item of catalogue.csv")


def _rules(pack: Pack) -> Iterator[Fault]:
    units = _codes(pack.units.rows)
    roles = _codes(pack.units.rows, "role") | _codes(pack.items.rows, "responsible_role")
    known: tuple[tuple[str, AbstractSet[str]], ...] = (
        ("item", _codes(pack.items.rows)),
        ("role", roles),
        ("asset_owner", units),
        ("area", _levels(pack).keys()),
        ("unit", units),
    )
    for row in pack.rules.rows:
        for column, codes in known:
            if row[column] and row[column] not in codes:
                yield row.fault(f"{column}: {row[column]} is not known")
        if not any(row[column] for column in ("item", "role", "asset_owner", "area")):
            yield row.warning("the rule names nothing and so matches everything")


def _history(pack: Pack) -> Iterator[Fault]:
    """Check header, items and areas of the history; each unknown code is told once."""
    if not pack.has_history:
        return
    faults: list[Fault] = []
    known: tuple[tuple[str, AbstractSet[str]], ...] = (
        ("item", _codes(pack.items.rows)),
        ("recorded_area", _levels(pack).keys()),
    )
    told: set[tuple[str, str]] = set()
    for row in stream_table(pack.folder / HISTORY, columns.HISTORY, faults):
        for column, codes in known:
            code = row[column]
            if code and code not in codes and (column, code) not in told:
                told.add((column, code))
                yield row.fault(f"{column}: {code} is not known")
    yield from faults
