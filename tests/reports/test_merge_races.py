"""Two people who merge and undo at once: one of them wins, the other is told, and every report is in one place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app.accounts.roles import Role
from app.accounts.service import Person
from app.db import Session, utcnow
from app.errors import Problem
from app.reports.models import ReportLink
from app.reports.service import merge, unmerge
from app.workorders.models import WorkOrder
from app.workorders.states import State
from tests.make import make_person, make_work_order

ROUNDS = 5


def names(committed: object, count: int) -> tuple[Person, list[str]]:
    """Commit a dispatcher and some work orders that lie side by side."""
    with Session.begin() as session:
        made = [make_work_order(session, lon=113.9391 + 0.0004 * number, now=utcnow()) for number in range(count)]
        return make_person(session, Role.DISPATCHER)[0], [each.public_id for each in made]


def at_once(*verbs: Callable[[], object]) -> list[str]:
    """Do things at the same moment; give what came of each."""
    gate = threading.Barrier(len(verbs))

    def run(verb: Callable[[], object]) -> str:
        gate.wait()
        try:
            verb()
        except Problem as refusal:
            return type(refusal).__name__
        return "done"

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs))


def do_merge(gone: str, into: str, by: Person) -> None:
    with Session.begin() as session:
        merge(session, gone, into=into, note="The same lamp.", by=by, now=utcnow())


def undo(gone: str, by: Person) -> None:
    with Session.begin() as session:
        unmerge(session, gone, note="Two lamps.", by=by, now=utcnow())


def check(*public_ids: str) -> dict[str, State]:
    """Check that the counts are those of the links; give the states."""
    with Session() as session:
        found = session.scalars(select(WorkOrder).where(WorkOrder.public_id.in_(public_ids))).all()
        for work_order in found:
            linked = select(func.count()).where(ReportLink.work_order_id == work_order.id)
            assert work_order.reports == session.scalar(linked)
        assert sum(work_order.reports for work_order in found) == len(public_ids)
        return {work_order.public_id: work_order.state for work_order in found}


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_of_two_merges_in_opposite_directions_one_is_done(committed: object, turn: int) -> None:
    by, (one, two) = names(committed, 2)

    came = at_once(lambda: do_merge(one, two, by), lambda: do_merge(two, one, by))

    assert sorted(came) == ["CannotMerge", "done"] or sorted(came) == ["IllegalMove", "done"], turn
    assert sorted(check(one, two).values()) == [State.DISPATCHED, State.MERGED]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_merges_in_a_ring_leave_one(committed: object, turn: int) -> None:
    by, (one, two, three) = names(committed, 3)

    came = at_once(lambda: do_merge(one, two, by), lambda: do_merge(two, three, by), lambda: do_merge(three, one, by))

    states = check(one, two, three)
    assert came.count("done") == 2, (turn, came)
    assert sorted(states.values()) == [State.DISPATCHED, State.MERGED, State.MERGED]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_a_merge_is_undone_once(committed: object, turn: int) -> None:
    by, (one, two) = names(committed, 2)
    do_merge(one, two, by)

    came = at_once(*[lambda: undo(one, by)] * 3)

    assert came.count("done") == 1, (turn, came)
    assert set(check(one, two).values()) == {State.DISPATCHED}
