from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalogue.models import Origin, Responsibility, Unit
from app.versions import Counts, supersede
from tests.make import NOW


def unit(code: str, **over: Any) -> dict[str, Any]:
    names = {"name_zh": "", "name_en": f"Unit {code}"}
    return {"code": code, **names, "role": "works", "level": "city", "area_code": "town", **over}


def rule(item: str, unit_code: str, origin: Origin = Origin.PACK) -> dict[str, Any]:
    empty = {"role": "", "asset_owner": "", "area": "", "note": ""}
    return {"item": item, "unit": unit_code, "valid_from": NOW.date(), "origin": origin, **empty}


def load_units(session: Session, rows: list[dict[str, Any]], version: int) -> Counts:
    return supersede(session, Unit, rows, version=version, key=("code",))


def test_a_load_adds_closes_and_keeps(session: Session) -> None:
    first = load_units(session, [unit("a"), unit("b"), unit("c")], 1)
    second = load_units(session, [unit("a"), unit("b", name_en="Renamed"), unit("d")], 2)

    rows = session.execute(
        select(Unit.code, Unit.name_en, Unit.since, Unit.until).order_by(Unit.code, Unit.since)
    ).all()
    assert first == Counts(added=3, closed=0, kept=0)
    assert second == Counts(added=2, closed=2, kept=1)
    assert [tuple(row) for row in rows] == [
        ("a", "Unit a", 1, None),
        ("b", "Unit b", 1, 2),
        ("b", "Renamed", 2, None),
        ("c", "Unit c", 1, 2),
        ("d", "Unit d", 2, None),
    ]


def test_the_same_rows_again_change_nothing(session: Session) -> None:
    load_units(session, [unit("a"), unit("b")], 1)
    before = session.scalars(select(Unit.id).order_by(Unit.code)).all()

    counts = load_units(session, [unit("b"), unit("a")], 2)

    assert counts == Counts(added=0, closed=0, kept=2)
    assert session.scalars(select(Unit.id).order_by(Unit.code)).all() == before


def test_a_row_that_comes_back_is_a_new_row(session: Session) -> None:
    load_units(session, [unit("a")], 1)
    load_units(session, [], 2)

    counts = load_units(session, [unit("a")], 3)

    assert counts.added == 1
    assert session.execute(select(Unit.since, Unit.until).order_by(Unit.since)).all() == [(1, 2), (3, None)]


def test_rows_outside_of_the_condition_stay_untouched(session: Session) -> None:
    key = ("item", "role", "asset_owner", "area", "valid_from", "origin")
    supersede(session, Responsibility, [rule("lamp", "ruled", Origin.RULING)], version=1, key=key)
    ours = Responsibility.origin == Origin.PACK

    counts = [
        supersede(session, Responsibility, rows, version=version, key=key, where=ours)
        for version, rows in ((2, [rule("lamp", "works")]), (3, []))
    ]

    assert counts == [Counts(added=1, closed=0, kept=0), Counts(added=0, closed=1, kept=0)]
    current = select(Responsibility.unit).where(Responsibility.until.is_(None))
    assert session.scalars(current).all() == ["ruled"]


def test_an_object_that_was_read_before_a_load_tells_the_truth_after_it(session: Session) -> None:
    load_units(session, [unit("a")], 1)
    old = session.scalars(select(Unit)).one()

    load_units(session, [], 2)

    assert old.until == 2


def test_text_of_any_kind_comes_back_as_it_was(session: Session) -> None:
    odd = 'tab\t backslash \\ newline\n quote " \\N 街道 😀'

    load_units(session, [unit("a", name_en=odd)], 1)

    assert session.scalar(select(Unit.name_en)) == odd


def test_progress_hears_of_every_row(session: Session) -> None:
    heard: list[int] = []

    rows = (unit(f"u{number}") for number in range(1234))
    supersede(session, Unit, rows, version=1, key=("code",), progress=heard.append)

    assert sum(heard) == 1234
    assert len(heard) > 2


def test_a_hundred_thousand_rows_load_in_seconds(session: Session) -> None:
    start = dt.datetime.now(dt.UTC)

    counts = supersede(session, Unit, (unit(f"u{n}") for n in range(100_000)), version=1, key=("code",))

    assert counts.added == 100_000
    assert session.scalar(select(func.count()).select_from(Unit)) == 100_000
    assert dt.datetime.now(dt.UTC) - start < dt.timedelta(seconds=60)


def test_a_value_of_an_unknown_kind_is_refused(session: Session) -> None:
    with pytest.raises(TypeError, match="cannot hold set"):
        load_units(session, [unit("a", name_en={1})], 1)
