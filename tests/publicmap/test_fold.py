"""Folding: what the cells count after steps, by one and by many, and against the map made anew."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import db
from app.accounts.roles import Role
from app.config import Settings
from app.publicmap import service, tasks
from app.publicmap.grid import COARSEST, COUNTS, FINEST
from app.publicmap.models import MapCell, MapPoint
from app.publicmap.service import fold, rebuild
from app.reports.service import show
from app.workorders.lifecycle import Action
from app.workorders.models import WorkOrderChange
from tests.make import NOW, fix, make_report, make_work_order, take

DAY = dt.timedelta(days=1)


def counts(session: Session, key: str = "", level: int = COARSEST) -> dict[str, int]:
    """Sum the counts of a key over all cells of a level; those that are 0 are left out."""
    columns = [func.sum(getattr(MapCell, name)).label(name) for name in ("total", *COUNTS)]
    row = session.execute(select(*columns).where(MapCell.level == level, MapCell.key == key)).one()
    return {name: int(value) for name, value in row._mapping.items() if value}


def everything(session: Session) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    cells = session.execute(text('SELECT * FROM map_cells ORDER BY level, key, "group", x, y')).all()
    points = session.execute(text("SELECT * FROM map_points ORDER BY work_order_id")).all()
    return [tuple(row) for row in cells], [tuple(row) for row in points]


def test_a_work_order_that_is_opened_counts_as_open_in_every_key(shenzhen: Session) -> None:
    work_order = make_work_order(shenzhen)

    fold(shenzhen, now=NOW)

    for key in ("", "c:public-utilities", "i:B0121", f"s:{work_order.street}"):
        assert counts(shenzhen, key) == {"total": 1, "open": 1}
    assert counts(shenzhen, level=FINEST) == {"total": 1, "open": 1}
    assert counts(shenzhen, "i:B0122") == {}


def test_nothing_is_left_to_fold_after_a_fold(shenzhen: Session) -> None:
    make_work_order(shenzhen)

    first, second = fold(shenzhen, now=NOW), fold(shenzhen, now=NOW)

    assert first
    assert second == 0
    assert shenzhen.scalar(select(func.count()).select_from(WorkOrderChange)) == 0


def test_a_repair_moves_the_count_and_age_moves_it_on(shenzhen: Session) -> None:
    report = make_report(shenzhen)
    fold(shenzhen, now=NOW)

    fix(shenzhen, report, now=NOW + DAY)
    fold(shenzhen, now=NOW + DAY)
    fresh = counts(shenzhen)
    for days in (2, 7, 9, 40):
        fold(shenzhen, now=NOW + DAY + days * DAY)

    assert fresh == {"total": 1, "fixed_7": 1}
    assert counts(shenzhen) == {"total": 1, "fixed_90": 1}


def test_an_objection_makes_it_open_again(shenzhen: Session) -> None:
    report = make_report(shenzhen)
    fix(shenzhen, report)
    fold(shenzhen, now=NOW)
    assert counts(shenzhen) == {"total": 1, "fixed_7": 1}

    take(shenzhen, report, Role.SUPERVISOR, Action.REOPEN, note="still broken")
    fold(shenzhen, now=NOW)

    assert counts(shenzhen) == {"total": 1, "open": 1}


def test_what_is_declined_leaves_the_map(shenzhen: Session) -> None:
    report = make_report(shenzhen)
    fold(shenzhen, now=NOW)

    take(shenzhen, report, Role.DISPATCHER, Action.DECLINE, reason="not_found", note="made up")
    fold(shenzhen, now=NOW)

    assert shenzhen.scalar(select(func.count()).select_from(MapCell)) == 0
    assert shenzhen.scalar(select(func.count()).select_from(MapPoint)) == 0


def test_the_map_made_anew_equals_the_folded_one(shenzhen: Session) -> None:
    reports = [make_report(shenzhen, lon=113.93 + n / 900, item=item) for n, item in enumerate(["B0121", "S0101"] * 4)]
    fold(shenzhen, now=NOW)
    fix(shenzhen, reports[0])
    take(shenzhen, reports[2], Role.DISPATCHER, Action.DECLINE, reason="not_found", note="made up")
    fold(shenzhen, now=NOW, limit=3)
    fold(shenzhen, now=NOW + 8 * DAY)
    folded = everything(shenzhen)

    count = rebuild(shenzhen, now=NOW + 8 * DAY)

    assert len(folded[0]) > 30
    assert count >= len(folded[1])
    assert everything(shenzhen) == folded


def test_a_rebuild_mends_counts_that_are_wrong(shenzhen: Session) -> None:
    make_work_order(shenzhen)
    fold(shenzhen, now=NOW)
    shenzhen.execute(text("UPDATE map_cells SET open = 7"))

    rebuild(shenzhen, now=NOW)

    assert counts(shenzhen) == {"total": 1, "open": 1}


def test_a_changed_position_takes_the_count_along(shenzhen: Session) -> None:
    report = make_report(shenzhen)
    fold(shenzhen, now=NOW)
    before = shenzhen.scalars(select(MapCell.x).where(MapCell.level == FINEST, MapCell.key == "")).all()

    take(shenzhen, report, Role.DISPATCHER, Action.CHANGE, note="it lies there", lon=114.0560, lat=22.5330)
    fold(shenzhen, now=NOW)

    after = shenzhen.scalars(select(MapCell.x).where(MapCell.level == FINEST, MapCell.key == "")).all()
    assert len(before) == len(after) == 1
    assert before != after
    assert counts(shenzhen, f"s:{show(shenzhen, report).work_order.street}") == {"total": 1, "open": 1}


def test_steps_and_folds_at_once_count_everything_once(committed: Settings) -> None:
    def open_and_fold(n: int) -> None:
        with db.Session.begin() as session:
            make_work_order(session, lon=113.9391 + n / 500, lat=22.5251)
        with db.Session.begin() as session:
            fold(session, now=NOW, limit=2)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_and_fold, range(18)))
    with db.Session.begin() as session:
        fold(session, now=NOW)
        points = session.scalar(select(func.count()).select_from(MapPoint))
        found = counts(session)
        folded = everything(session)
        rebuild(session, now=NOW)

        assert found == {"total": points, "open": points}
        assert points == 18
        assert everything(session) == folded


def test_a_step_does_not_wait_for_a_fold(committed: Settings) -> None:
    with db.Session.begin() as folding:
        fold(folding, now=NOW)

        with db.Session.begin() as session:
            session.execute(text("SET LOCAL lock_timeout = '1s'"))
            make_work_order(session)

        assert fold(folding, now=NOW)


def test_a_fold_beside_another_one_does_nothing_and_waits_for_nobody(committed: Settings) -> None:
    with db.Session.begin() as session:
        make_work_order(session)

    with db.Session.begin() as first, db.Session.begin() as second:
        counts = fold(first, now=NOW), fold(second, now=NOW)

    assert counts[0]
    assert counts[1] is None


def test_no_step_writes_a_job_for_the_map(shenzhen: Session) -> None:
    make_work_order(shenzhen)

    jobs = shenzhen.scalars(text("SELECT task_name FROM procrastinate_jobs")).all()

    assert [name for name in jobs if name.startswith("publicmap")] == []


def test_the_job_folds_all_that_waits(committed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FOLDED_AT_ONCE", 2)
    with db.Session.begin() as session:
        for n in range(5):
            make_work_order(session, lon=113.9391 + n / 500, lat=22.5251)

    tasks.fold()

    with db.Session() as session:
        assert counts(session)["total"] == 5
        assert session.scalar(select(func.count()).select_from(WorkOrderChange)) == 0


def test_the_command_says_how_many_it_looked_at(shenzhen: Session, app: Flask) -> None:
    make_work_order(shenzhen)

    said = app.test_cli_runner().invoke(args=["map", "rebuild"])

    assert said.exit_code == 0
    assert "made anew of 1 work orders" in said.output
    assert counts(shenzhen) == {"total": 1, "open": 1}
