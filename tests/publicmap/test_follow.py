"""The map follows the history: what is committed is folded at once, without a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import func, select, text

from app import db
from app.config import Settings
from app.publicmap import follow as module
from app.publicmap.follow import follow
from app.publicmap.models import MapPoint
from app.publicmap.tasks import fold_all
from app.worker import plan_work
from tests.aside import run_aside, until
from tests.make import make_work_order


@asynccontextmanager
async def following(settings: Settings, fold: Callable[[], bool] = fold_all) -> AsyncIterator[None]:
    task = asyncio.create_task(follow(plan_work(settings).conninfo, fold))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def points() -> int:
    with db.Session() as session:
        return int(session.scalar(select(func.count()).select_from(MapPoint)) or 0)


def file(lon: float) -> None:
    with db.Session.begin() as session:
        make_work_order(session, lon=lon)


def test_what_was_filed_before_and_what_is_filed_then_comes_on_the_map(committed: Settings) -> None:
    async def work() -> None:
        await asyncio.to_thread(file, 113.9391)
        async with following(committed):
            await until(lambda: points() == 1)
            await asyncio.to_thread(file, 113.95)
            await until(lambda: points() == 2)

    run_aside(work())

    with db.Session() as session:
        assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


def test_a_fold_that_fails_or_is_left_to_another_is_done_again(
    committed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    outcomes = [LookupError("a fault of ours"), False, True]
    seen: list[object] = []

    def fold() -> bool:
        outcome = outcomes[len(seen)] if len(seen) < len(outcomes) else fold_all()
        seen.append(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return bool(outcome)

    async def work() -> None:
        async with following(committed, fold):
            await until(lambda: len(seen) == len(outcomes))
            await asyncio.to_thread(file, 113.9391)
            await until(lambda: points() == 1)

    run_aside(work())

    assert seen[: len(outcomes)] == outcomes


def test_a_lost_connection_is_made_again(committed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    listening = text(
        "SELECT count(*), count(pg_terminate_backend(pid)) FILTER (WHERE :cut) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query = 'LISTEN timeline'"
    )

    def listeners(*, cut: bool = False) -> int:
        with db.Session.begin() as session:
            return int(session.execute(listening, {"cut": cut}).one()[0])

    async def work() -> None:
        async with following(committed):
            await until(lambda: listeners() == 1)
            await asyncio.to_thread(lambda: listeners(cut=True))
            await asyncio.to_thread(file, 113.9391)
            await until(lambda: points() == 1)
            await until(lambda: listeners() == 1)

    run_aside(work())
