"""Who is responsible for many things at once: rules and units in memory, and the same choice as a dispatch makes."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from app.catalogue.city import City
from app.catalogue.models import Responsibility, Unit
from app.dispatch.resolve import Choice, Facts, choose


class RuleBook:
    """Rules and units in memory, found by what they name: one set of statements serves any number of choices."""

    def __init__(self, rules: Iterable[Responsibility], units: Iterable[Unit], *, city: City, on: dt.date) -> None:
        self._fallback_role, self._on = city.fallback_role, on
        self._rules: dict[tuple[str, ...], list[Responsibility]] = defaultdict(list)
        self._units: dict[tuple[str, ...], list[Unit]] = defaultdict(list)
        self._chosen: dict[Facts, Choice | None] = {}
        for rule in rules:
            self._rules[rule.item, rule.role, rule.asset_owner, rule.area].append(rule)
        for unit in units:
            self._units[(unit.code,)].append(unit)
            self._units[unit.role, unit.area_code].append(unit)

    def choose(self, facts: Facts) -> Choice | None:
        """Choose as ``resolve`` does; None where nobody is responsible."""
        if facts not in self._chosen:
            rules = list(self._fitting(facts))
            units = self._possible(facts, rules)
            choices = choose(facts, rules, units, fallback_role=self._fallback_role, on=self._on)
            self._chosen[facts] = choices[0] if choices else None
        return self._chosen[facts]

    def _fitting(self, facts: Facts) -> Iterator[Responsibility]:
        for key in product({"", facts.item}, {"", facts.role}, {"", facts.owner}, {"", *facts.areas}):
            yield from self._rules.get(key, ())

    def _possible(self, facts: Facts, rules: Sequence[Responsibility]) -> list[Unit]:
        codes = ((code,) for code in {facts.owner, *(rule.unit for rule in rules)})
        roles = product({facts.role, self._fallback_role}, facts.areas)
        return [unit for key in (*codes, *roles) for unit in self._units.get(key, ())]
