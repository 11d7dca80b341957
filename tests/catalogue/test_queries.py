from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.catalogue.city import Language
from app.catalogue.errors import UnknownItem
from app.catalogue.models import Origin, Responsibility
from app.catalogue.queries import list_items, list_units, matching_rules, sample_item, search_items
from app.catalogue.service import find_unit, get_item

ON = dt.date(2026, 11, 23)


def found(session: Session, words: str, language: Language = Language.ZH, limit: int = 5) -> list[str]:
    return [item.name_zh for item in search_items(session, words, language=language, limit=limit)]


def rules_for(session: Session, **over: Any) -> list[str]:
    values = {"item": "lamp", "role": "works", "asset_owner": None, "areas": ["east", "town"], "on": ON, **over}
    return [rule.unit for rule in matching_rules(session, **values)]


def add_rule(session: Session, unit: str, valid_from: dt.date = ON, **columns: str) -> None:
    values = {"item": "", "role": "", "asset_owner": "", "area": "", **columns}
    rule = Responsibility(**values, unit=unit, valid_from=valid_from, note="", origin=Origin.RULING, since=1, digest="")
    session.add(rule)
    session.flush()


def test_an_item_is_found_by_its_code(town: Session) -> None:
    assert get_item(town, "lamp").name_en == "Street light is out"


def test_an_unknown_item_is_refused_with_a_pointer(town: Session) -> None:
    with pytest.raises(UnknownItem) as refusal:
        get_item(town, "torch")

    assert refusal.value.members["errors"][0]["pointer"] == "/item"


def test_a_unit_is_found_by_its_code(town: Session) -> None:
    unit = find_unit(town, "works")

    assert unit
    assert unit.name_en == "Public Works"
    assert find_unit(town, "nobody") is None


def test_units_are_found_by_role_and_area(town: Session) -> None:
    def found(area: str) -> list[str]:
        return [unit.code for unit in list_units(town, "", role="street_office", area=area, limit=9)]

    assert found("east") == ["east-office"]
    assert found("town") == []


def test_a_rule_matches_where_each_column_is_empty_or_equal(town: Session) -> None:
    add_rule(town, "by-role", role="works")
    add_rule(town, "by-owner", asset_owner="west-office")
    add_rule(town, "by-other-item", item="bench")
    add_rule(town, "by-other-area", area="west")

    assert sorted(rules_for(town)) == ["by-role", "east-office"]
    assert sorted(rules_for(town, asset_owner="west-office")) == ["by-owner", "by-role", "east-office"]
    assert rules_for(town, item="other", role="street_office") == []


def test_a_rule_counts_from_its_first_day(town: Session) -> None:
    add_rule(town, "tomorrow", ON + dt.timedelta(days=1), item="lamp")
    add_rule(town, "today", ON, item="lamp")

    assert rules_for(town) == ["today", "east-office"]
    assert rules_for(town, on=dt.date(2025, 12, 31)) == []


def test_rules_are_read_by_the_index(town: Session) -> None:
    caught: list[tuple[str, Any]] = []
    connection = town.connection()
    event.listen(connection, "before_cursor_execute", lambda *told: caught.append((told[2], told[3])))
    rules_for(town)
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")

    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {caught[0][0]}", caught[0][1]).scalar_one()

    assert "uq_responsibilities_current" in json.dumps(plan)


def test_items_are_listed_in_the_order_of_the_catalogue(shenzhen: Session) -> None:
    items = list_items(shenzhen)

    assert len(items) == 84
    assert [item.position for item in items] == list(range(84))


def test_the_sample_item_joins_by_itself(town: Session, shenzhen: Session, boston: Session) -> None:
    assert sample_item(town) == "lamp"
    assert sample_item(shenzhen) == "B0101"
    assert sample_item(boston)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("路灯", "路灯"),
        ("路灯不亮了", "路灯"),
        ("我家门口的路灯坏了", "路灯"),
        ("井盖", "上水井盖"),
        ("污水井盖", "污水井盖"),
        ("雨水井盖 井盖异响", "雨水井盖"),
    ],
)
def test_residents_words_find_the_item(shenzhen: Session, words: str, name: str) -> None:
    assert found(shenzhen, words)[0] == name


def test_english_words_find_the_item_in_any_case(shenzhen: Session) -> None:
    items = search_items(shenzhen, "Sewer MANHOLE", language=Language.EN, limit=3)

    assert items[0].name_en == "Sewer manhole cover"


def test_no_words_give_the_first_items(shenzhen: Session) -> None:
    assert [item.position for item in search_items(shenzhen, "  ", language=Language.ZH, limit=4)] == [0, 1, 2, 3]


def test_words_that_mean_nothing_find_nothing(shenzhen: Session) -> None:
    assert found(shenzhen, "xyzzy %_'") == []


def test_the_limit_holds(shenzhen: Session) -> None:
    assert len(found(shenzhen, "井盖", limit=2)) == 2


def test_items_without_chinese_names_are_found(boston: Session) -> None:
    items = search_items(boston, "pothole", language=Language.ZH, limit=3)

    assert "Pothole" in items[0].name_en
