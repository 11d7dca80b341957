"""The job of each minute: one bad row keeps neither the others nor the rest of the job waiting."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.db import utcnow
from app.dispatch import tasks
from app.reports.models import Report
from app.reports.service import show
from app.workorders.lifecycle import Action
from app.workorders.models import Deadline, DeadlineKind, WorkOrder
from app.workorders.states import State
from tests import make


def long_ago() -> dt.datetime:
    return utcnow() - dt.timedelta(days=30)


def held(session: Session, lon: float) -> Report:
    """File a report whose hold has ended; the hours of its clock are paused."""
    began = long_ago()
    report = make.make_report(session, lon=lon, item="B0220", now=began)
    make.take(session, report, Role.CREW, Action.SIGN, now=began)
    until = began + dt.timedelta(days=1)
    make.take(
        session, report, Role.UNIT_MANAGER, Action.HOLD, now=began, note="等配件", reference="采购单 77", until=until
    )
    return report


def work_order_of(session: Session, report: Report) -> WorkOrder:
    session.expire_all()
    return show(session, report).work_order


def clocks_of(session: Session, work_order: WorkOrder) -> Sequence[Deadline]:
    return session.scalars(select(Deadline).where(Deadline.work_order_id == work_order.id)).all()


def break_clock(session: Session, report: Report) -> None:
    """Leave more seconds on a paused clock than any duration holds."""
    work_order = show(session, report).work_order
    of_work = Deadline.work_order_id == work_order.id, Deadline.kind == DeadlineKind.HANDLING
    session.execute(update(Deadline).where(*of_work).values(left_s=1e300))
    session.flush()


def names(caplog: pytest.LogCaptureFixture, message: str) -> list[Any]:
    return [vars(each)["row"] for each in caplog.records if each.message == message]


@contextmanager
def failing(work_order: WorkOrder) -> Iterator[None]:
    """Let whatever is written of a work order's clocks fail by a fault of ours."""
    key = work_order.id

    def fail(session: Session, *_: object) -> None:
        if any(isinstance(each, Deadline) and each.work_order_id == key for each in session.dirty):
            raise LookupError("a fault of ours")

    event.listen(Session, "before_flush", fail)
    try:
        yield
    finally:
        event.remove(Session, "before_flush", fail)


def test_a_hold_that_cannot_be_ended_is_logged_and_the_others_and_the_breaches_go_on(
    shenzhen: Session, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = held(shenzhen, 113.9391), held(shenzhen, 113.95)
    late = make.make_report(shenzhen, lon=113.96, now=long_ago())
    break_clock(shenzhen, bad)

    with caplog.at_level(logging.ERROR):
        tasks.clocks(0)

    assert work_order_of(shenzhen, bad).state is State.ON_HOLD
    assert work_order_of(shenzhen, good).state is State.IN_PROGRESS
    assert names(caplog, "row put off") == [str(work_order_of(shenzhen, bad).id)]
    work_order = work_order_of(shenzhen, late)
    clocks = clocks_of(shenzhen, work_order)
    assert [clock.breached_at is not None for clock in clocks] == [True, True]


def test_a_breach_that_cannot_be_acted_on_is_put_off_whatever_went_wrong(
    shenzhen: Session, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = (make.make_work_order(shenzhen, lon=lon, now=long_ago()) for lon in (113.9391, 113.95))
    hold = held(shenzhen, 113.96)

    with caplog.at_level(logging.ERROR), failing(bad):
        tasks.clocks(0)

    shenzhen.expire_all()
    acted = {
        work_order.id: [clock.breached_at is not None for clock in clocks]
        for work_order in (bad, good)
        for clocks in [clocks_of(shenzhen, work_order)]
    }
    assert acted == {bad.id: [False, False], good.id: [True, True]}
    assert names(caplog, "row put off") == [str(bad.id)]
    assert work_order_of(shenzhen, hold).state is State.IN_PROGRESS
