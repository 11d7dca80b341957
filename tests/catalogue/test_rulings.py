"""Rules of rulings change by a version of their own, and stay when the pack is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.city import current_city
from app.catalogue.errors import NoCity
from app.catalogue.models import Origin, PackVersion, Responsibility
from app.catalogue.queries import CHANGES_TOLD, list_rules, rule_changes
from app.catalogue.rulings import change_rulings
from app.versions import digest_of
from tests.make import NOW


def row(unit: str, **over: str) -> dict[str, Any]:
    empty = {"item": "", "role": "", "asset_owner": "", "area": "", "note": ""}
    return {**empty, "unit": unit, "valid_from": NOW.date(), **over}


def change(session: Session, *add: dict[str, Any], close: Any = ()) -> tuple[int, list[Responsibility]]:
    return change_rulings(session, add=add, close=close, note="made up", now=NOW)


def test_a_change_is_the_next_version_of_the_same_city(town: Session) -> None:
    first, city = town.get_one(PackVersion, 1), current_city(town)

    number, rules = change(town, row("works", item="bench"))

    second = town.get_one(PackVersion, number)
    assert (second.settings, second.digest, second.counts) == (first.settings, first.digest, first.counts)
    assert (number, second.notes) == (2, ["made up"])
    assert [(rule.unit, rule.since, rule.until, rule.origin) for rule in rules] == [("works", 2, None, Origin.RULING)]
    assert (city.version, current_city(town).version) == (1, 2)


def test_a_ruling_is_closed_and_kept(town: Session) -> None:
    _, (ruling,) = change(town, row("works", item="bench"))

    number, _ = change(town, row("west-office", item="bench"), close=[ruling.id])

    assert (number, town.get_one(Responsibility, ruling.id, populate_existing=True).until) == (3, 3)
    before = list_rules(town, columns={"item": "bench"}, version=2, limit=9)
    after = list_rules(town, columns={"item": "bench"}, limit=9)
    assert ([rule.unit for rule in before], [rule.unit for rule in after]) == (["works"], ["west-office"])


def test_a_rule_of_the_pack_is_never_closed(town: Session) -> None:
    rule = town.scalars(select(Responsibility)).one()

    with pytest.raises(RuntimeError, match="1 rulings were to be closed, 0 are current"):
        change(town, close=[rule.id])


def test_there_must_be_a_city(session: Session) -> None:
    with pytest.raises(NoCity):
        change(session, row("works"))


def test_a_digest_is_the_one_that_a_load_gives(town: Session) -> None:
    loaded = town.scalars(select(Responsibility)).one()
    values = {name: getattr(loaded, name) for name in [*row(""), "origin"]}

    assert digest_of(Responsibility, values) == loaded.digest


def test_of_many_changes_the_first_ones_are_told_and_all_counted(town: Session) -> None:
    number, _ = change(town, *[row("works", item="bench", area=f"a{place}") for place in range(CHANGES_TOLD + 5)])

    told = rule_changes(town, [1, number])

    assert told[number, "added"].count == CHANGES_TOLD + 5
    assert [rule.area for rule in told[number, "added"].rules] == [f"a{place}" for place in range(CHANGES_TOLD)]
    assert told[1, "added"].count == 1
    assert (number, "closed") not in told
