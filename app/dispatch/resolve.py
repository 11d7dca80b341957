"""Who is responsible for an item at a place. DESIGN, "Finding who is responsible".

A rule matches when each of its columns is empty or equal; the most specific match wins, compared in this order of
weight: asset owner, item, area (smaller first), role. The asset's own owner stands as a rule that names that owner
and nothing else. Without a match: the unit of the item's role for the smallest area that has one; else the street's
fallback unit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from app.assets.service import NearAsset, covering_asset, covering_assets, nearest_asset, nearest_assets
from app.catalogue import queries as catalogue
from app.catalogue.city import City
from app.catalogue.models import Item, Origin, Responsibility, Unit
from app.dispatch.errors import NobodyResponsible
from app.dispatch.queries import possible_units
from app.geo.service import Place
from app.geo.types import Point


class Basis(StrEnum):
    """What the choice rests on."""

    RULE = "rule"
    ASSET_OWNER = "asset_owner"
    ROLE = "role"
    FALLBACK = "fallback"


Weight = tuple[int, int, int, int, str, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a choice depends on. ``areas`` are codes, the smallest first; ``owner`` is empty where nobody is known."""

    item: str
    role: str
    owner: str
    areas: tuple[str, ...]

    def meet(self, rule: Responsibility, on: dt.date) -> bool:
        """Tell whether a rule counts on a day and each of its columns is empty or equal."""
        return (
            rule.item in ("", self.item)
            and rule.role in ("", self.role)
            and rule.asset_owner in ("", self.owner)
            and rule.area in ("", *self.areas)
            and rule.valid_from <= on
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A unit that could be responsible, on which basis, with the rule where there is one."""

    unit: Unit
    basis: Basis
    weight: Weight
    rule: Responsibility | None = None

    def why(self) -> dict[str, Any]:
        """Say it in the form that is stored and shown."""
        said: dict[str, Any] = {"unit": self.unit.code, "basis": self.basis.value}
        if self.rule is not None:
            columns = ("item", "role", "asset_owner", "area")
            said["rule"] = {
                **{name: getattr(self.rule, name) for name in columns if getattr(self.rule, name)},
                "version": self.rule.since,
                "valid_from": self.rule.valid_from.isoformat(),
                "origin": self.rule.origin.value,
                "note": self.rule.note,
            }
        return said


@dataclass(frozen=True, slots=True)
class Resolution:
    """The responsible unit with the whole explanation."""

    unit: Unit
    asset: NearAsset | None
    explanation: dict[str, Any] = field(repr=False)


def find_asset(session: Session, item: Item, place: Place, *, city: City) -> NearAsset | None:
    """Find the asset that a report means: the nearest of the item's class, else the ground that the point lies on."""
    if item.asset_class:
        within = city.limits.asset_match_m
        return nearest_asset(session, place.point, asset_class=item.asset_class, within_m=within)
    return covering_asset(session, place.point)


def find_assets(session: Session, asset_class: str, points: Sequence[Point], *, city: City) -> list[NearAsset | None]:
    """Give for many points what ``find_asset`` gives for each to an item of a class, or of none."""
    if asset_class:
        return nearest_assets(session, points, asset_class=asset_class, within_m=city.limits.asset_match_m)
    return covering_assets(session, points)


def resolve(
    session: Session, item: Item, place: Place, asset: NearAsset | None, *, city: City, on: dt.date
) -> Resolution:
    """Find the unit that is responsible for an item at a place on a day, and say why and why not another.

    Raises NobodyResponsible where not even the street has a fallback unit; a checked pack has one everywhere.
    """
    facts = Facts(
        item.code, item.responsible_role, asset.asset.owner if asset else "", tuple(area.code for area in place.areas)
    )
    rules, units = _gather(session, facts, fallback_role=city.fallback_role, on=on)
    choices = choose(facts, rules, units, fallback_role=city.fallback_role, on=on)
    if not choices:
        message = (
            f"No unit is responsible for {place.street.code}; the city pack must name one of role {city.fallback_role}."
        )
        raise NobodyResponsible(message)
    chosen, *others = choices
    explanation = {
        **chosen.why(),
        "version": city.version,
        "areas": list(facts.areas),
        "match": place.match.value,
        "share": place.candidates[0].share if place.candidates else 1.0,
        "asset": _say_asset(asset),
        "not_chosen": [other.why() for other in others],
    }
    return Resolution(chosen.unit, asset, explanation)


def choose(
    facts: Facts, rules: Iterable[Responsibility], units: Sequence[Unit], *, fallback_role: str, on: dt.date
) -> list[Choice]:
    """List who could be responsible, the best first. Pure: a replay decides by it as a dispatch does.

    ``rules`` and ``units`` may hold more than what fits, in any order.
    """
    fitting = [rule for rule in rules if facts.meet(rule, on)]
    return _by_rule(facts, fitting, units) + _by_role(facts, units, fallback_role)


def _gather(
    session: Session, facts: Facts, *, fallback_role: str, on: dt.date
) -> tuple[Sequence[Responsibility], Sequence[Unit]]:
    """Read the rules and units that a choice may fall on."""
    rules = catalogue.matching_rules(
        session, item=facts.item, role=facts.role, asset_owner=facts.owner, areas=facts.areas, on=on
    )
    roles = sorted({facts.role, fallback_role})
    codes = sorted({rule.unit for rule in rules} | {facts.owner} - {""})
    return rules, possible_units(session, codes=codes, roles=roles, areas=facts.areas)


def _by_rule(facts: Facts, rules: Sequence[Responsibility], units: Sequence[Unit]) -> list[Choice]:
    known = {unit.code: unit for unit in units}
    choices = [
        Choice(known[rule.unit], Basis.RULE, _weigh(rule, facts.areas), rule) for rule in rules if rule.unit in known
    ]
    if facts.owner in known:
        # A rule that names the owner and nothing else ranks before the owner itself: somebody wrote it on purpose.
        choices.append(Choice(known[facts.owner], Basis.ASSET_OWNER, (1, 0, 0, 0, "", 0)))
    return sorted(choices, key=lambda choice: choice.weight, reverse=True)


def _weigh(rule: Responsibility, areas: Sequence[str]) -> Weight:
    """Weigh a rule; between equals the later one holds, and a ruling before the pack."""
    area_weight = len(areas) - areas.index(rule.area) if rule.area else 0
    return (
        int(bool(rule.asset_owner)),
        int(bool(rule.item)),
        area_weight,
        int(bool(rule.role)),
        rule.valid_from.isoformat(),
        int(rule.origin is Origin.RULING),
    )


def _by_role(facts: Facts, units: Sequence[Unit], fallback_role: str) -> list[Choice]:
    """Give the unit of the item's role for the smallest area that has one, then the street's fallback unit."""
    areas, choices = facts.areas, []
    for basis, role in ((Basis.ROLE, facts.role), (Basis.FALLBACK, fallback_role)):
        fitting = [unit for unit in units if unit.role == role and unit.area_code in areas]
        if fitting:
            unit = min(fitting, key=lambda unit: (areas.index(unit.area_code), unit.code))
            choices.append(Choice(unit, basis, (0, 0, 0, 0, "", 0)))
    return choices


def _say_asset(asset: NearAsset | None) -> dict[str, Any] | None:
    if asset is None:
        return None
    thing = asset.asset
    return {
        "class": thing.asset_class,
        "code": thing.code,
        "name": thing.name,
        "owner": thing.owner,
        "distance_m": round(asset.distance_m, 1),
    }
