"""The part of a pack that is lists: units, items, responsibilities, calendar; check and load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
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
            yield row.fault(f"the area {_unknown(row['area_code'], levels)}", needs="areas.")
        elif level and row["level"] and row["level"] is not level:
            yield row.fault(f"the level is {row['level']}, but the area {row['area_code']} is a {level}")
    yield from _streets(pack)
    roles = _codes(pack.units.rows, "role")
    if not pack.units.rows:
        yield Fault("units.csv", "", "the list has no unit")
    elif DISPATCH_CENTRE not in roles:
        yield warning("units.csv", "", f"no unit has the role {DISPATCH_CENTRE}: nobody hears of breached clocks")


def _streets(pack: Pack) -> Iterator[Fault]:
    """Demand a unit of the fallback role for every street: whatever happens there has somebody (兜底).

    It is the street's own, or that of a larger area that the street lies in: one office may serve a whole town.
    """
    role = pack.settings.get("fallback_role")
    if not role or not pack.units.rows:
        return
    served = Counter(row["area_code"] for row in pack.units.rows if row["role"] == role)
    if served.keys() - _levels(pack).keys():
        return  # a unit whose area is not known may be the one that is missing
    parents = _parents(pack)
    unserved = []
    for feature in pack.areas[Level.STREET].features if Level.STREET in pack.areas else ():
        code = feature.text("code")
        if not any(served[area] for area in _line(code, parents)):
            unserved.append(feature)
        elif served[code] > 1:
            yield feature.warning(
                f"the street {code} has {served[code]} units of the role {role}; the first code counts"
            )
    if pack.areas.get(Level.STREET) and len(unserved) == len(pack.areas[Level.STREET].features) and not served.total():
        yield Fault("units.csv", "", f"no unit has the fallback role {role} of city.toml", needs="city.toml")
        return
    for feature in unserved:
        code = feature.text("code")
        reason = (
            f"the street {code} has no unit of the fallback role {role} in units.csv, nor has an area around it; "
            f"a unit with the level city and the area_code {pack.code} serves every street"
        )
        yield feature.fault(reason, needs="units.csv")


def _parents(pack: Pack) -> dict[str, str]:
    """Give the next larger area of every area by code; without one it is the city."""
    features = (feature for areas in pack.areas.values() for feature in areas.features)
    return {feature.text("code"): feature.text("parent") or pack.code for feature in features}


def _line(code: str, parents: Mapping[str, str]) -> Iterator[str]:
    """Walk from an area to the city; parents that go round in a circle are another fault."""
    seen: set[str] = set()
    while code and code not in seen:
        seen.add(code)
        yield code
        code = parents.get(code, "")


def _unknown(code: str, known: Collection[str]) -> str:
    """Say that a code is not known, and which one is meant where a spreadsheet dropped zeros at its start."""
    padded = [each for each in known if each != code and each.lstrip("0") == code.lstrip("0")]
    hint = f"; did a spreadsheet drop the zeros of {min(padded)}? Format the column as text" if padded else ""
    return f"{code} is not known{hint}"


def _items(pack: Pack) -> Iterator[Fault]:
    roles = _codes(pack.units.rows, "role")
    fallback_role = pack.settings.get("fallback_role")
    told: set[str] = set()
    for row in pack.items.rows:
        role = row["responsible_role"]
        if role and role not in roles | told:
            told.add(role)
            yield row.warning(f"no unit has the role {role}: its items go to the unit of the role {fallback_role}")
    fallback = pack.settings.get("fallback_item")
    if not pack.items.rows:
        yield Fault("catalogue.csv", "", "the catalogue has no item")
    elif fallback and fallback not in _codes(pack.items.rows):
        reason = f"fallback_item: {fallback!r} is no item of catalogue.csv"
        yield Fault("city.toml", "", reason, needs="catalogue.csv")


def _rules(pack: Pack) -> Iterator[Fault]:
    units = _codes(pack.units.rows)
    roles = _codes(pack.units.rows, "role") | _codes(pack.items.rows, "responsible_role")
    known: tuple[tuple[str, AbstractSet[str], str], ...] = (
        ("item", _codes(pack.items.rows), "catalogue.csv"),
        ("role", roles, "units.csv"),
        ("asset_owner", units, "units.csv"),
        ("area", _levels(pack).keys(), "areas."),
        ("unit", units, "units.csv"),
    )
    for row in pack.rules.rows:
        for column, codes, needs in known:
            if row[column] and row[column] not in codes:
                yield row.fault(f"{column}: {_unknown(row[column], codes)}", needs=needs)
        if not any(row[column] for column in ("item", "role", "asset_owner", "area")):
            yield row.warning("the rule names nothing and so matches everything")


def _history(pack: Pack) -> Iterator[Fault]:
    """Check header, items and areas of the history; each unknown code is told once."""
    if not pack.has_history:
        return
    faults: list[Fault] = []
    known: tuple[tuple[str, AbstractSet[str], str], ...] = (
        ("item", _codes(pack.items.rows), "catalogue.csv"),
        ("recorded_area", _levels(pack).keys(), "areas."),
    )
    told: set[tuple[str, str]] = set()
    for row in stream_table(pack.folder / HISTORY, columns.HISTORY, faults):
        for column, codes, needs in known:
            code = row[column]
            if code and code not in codes and (column, code) not in told:
                told.add((column, code))
                yield row.fault(f"{column}: {_unknown(code, codes)}", needs=needs)
    yield from faults
