"""Fifty people at one work order at once: whatever they do, its history is a walk of the table."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session as SessionType

from app.accounts.roles import Role
from app.accounts.service import Person
from app.catalogue.city import current_city
from app.db import Session, utcnow
from app.dispatch.case import Asked
from app.dispatch.escalation import act_on_breaches
from app.dispatch.models import Part
from app.dispatch.queries import open_parts
from app.dispatch.service import VERBS, resume_ended
from app.errors import Problem
from app.fieldwork.service import Brought, take_step
from app.reports import service as reports
from app.reports.models import CheckKind, Report, SpotCheck
from app.reports.service import after_fix
from app.workorders.clocks import running
from app.workorders.lifecycle import MOVES, Action, Move
from app.workorders.models import Deadline, DeadlineKind, WorkOrder
from app.workorders.queries import history
from app.workorders.states import ENDED, EventKind, State
from app.workorders.timeline import GENESIS, event_hash
from tests.make import make_person, make_report
from tests.waiting import PATIENCE_S, wait_until

PEOPLE = 50
STEPS = 14
# Repaired with a note or with nothing, so that no photo is needed.
ITEMS = ("S0301", "S0601")
UNITS = ("sz-street_lighting", "sz-power", "440305-ecology", "440305007-street_office")
STAFF = (Role.CREW, Role.UNIT_MANAGER, Role.DISPATCHER, Role.SUPERVISOR, Role.ADJUDICATOR)
# Lines that no move tells: the state is the same after them.
BESIDE = {EventKind.RECEIVED, EventKind.JOINED, EventKind.WAITING, EventKind.OVERDUE, EventKind.ESCALATED}
# Taken less often, so that the walk does not turn round at its beginning.
RARE = {Action.DECLINE, Action.UPHOLD, Action.CHANGE, Action.MARK_URGENT, Action.NOTE}
MADE = [move for move in MOVES if move.action not in {Action.MERGE, Action.UNMERGE, Action.SPLIT}]


@dataclass
class Race:
    """One work order, its reports, one person a role, and what became of what they tried."""

    public_id: str
    work_order_id: UUID
    reports: list[UUID]
    people: dict[Role, Person]
    seed: int
    told: Counter[str] = field(default_factory=Counter)
    faults: list[BaseException] = field(default_factory=list)
    gate: threading.Barrier = field(default_factory=lambda: threading.Barrier(PEOPLE))

    def run(self, number: int) -> None:
        """Take one step after the other, of those that the state allowed a moment ago."""
        rng = random.Random(self.seed + number)
        self.gate.wait()
        for _ in range(STEPS):
            with Session() as session:
                state = session.scalars(select(WorkOrder.state).where(WorkOrder.id == self.work_order_id)).one()
            likely = [move for move in MADE if move.source is state] or MADE
            (move,) = rng.choices(likely, [1 if move.action in RARE else 8 for move in likely])
            try:
                self.step(move, rng.choice(move.who), rng)
                self.told[move.action] += 1
            except Problem as refusal:
                self.told[type(refusal).__name__] += 1
            except Exception as fault:  # noqa: BLE001  # whatever it is, the test tells it
                self.faults.append(fault)

    def step(self, move: Move, role: Role, rng: random.Random) -> None:
        """Do what a move asks for."""
        if role is Role.SYSTEM:
            self.by_itself(rng)
        elif role is Role.REPORTER:
            self.by_a_reporter(move.action, rng)
        elif move.action is Action.CHECK:
            self.by_a_call(self.people[role], rng)
        elif move.action in VERBS:
            with Session.begin() as session:
                asked, by = ask(move.action, rng), self.people[role]
                take_step(session, self.public_id, asked, brought=Brought(), by=by, now=utcnow())

    def by_a_reporter(self, action: Action, rng: random.Random) -> None:
        """Confirm, object or rate."""
        with Session.begin() as session:
            report, now = session.get_one(Report, rng.choice(self.reports)), utcnow()
            if action is Action.CONFIRM:
                reports.confirm(session, report, now=now)
            elif action is Action.OBJECT:
                reports.object_to(session, report, reason="还是坏的", brought=Brought(), now=now)
            else:
                reports.rate(session, report, reports.Said(overall=rng.randint(1, 5)), now=now)

    def by_a_call(self, by: Person, rng: random.Random) -> None:
        """Draw a spot check and do it."""
        with Session.begin() as session:
            rounds = session.scalars(select(WorkOrder.rounds).where(WorkOrder.id == self.work_order_id)).one()
            after_fix.sample(session, self.work_order_id, rounds, now=utcnow())
        with Session.begin() as session:
            check_id = session.scalar(select(SpotCheck.id).where(SpotCheck.done_at.is_(None)).limit(1))
            passed, kind = rng.random() < 0.5, CheckKind.CALL
            if check_id is not None:
                reports.check(session, check_id, kind=kind, passed=passed, note="电话核实", by=by, now=utcnow())

    def by_itself(self, rng: random.Random) -> None:
        """Do what the jobs of each minute do, some time ahead."""
        with Session.begin() as session:
            city, later = current_city(session), utcnow() + dt.timedelta(hours=rng.randint(0, 200))
            job = rng.choice((act_on_breaches, resume_ended, after_fix.close_silent))
            job(session, city=city, now=later)


def ask(action: Action, rng: random.Random) -> Asked:
    """Ask for a step with all that any step needs; where a unit is named, for a random one."""
    return Asked(
        action=action,
        note="说明",
        unit=rng.choice(UNITS),
        reason="unclear",
        reference="文件 1",
        until=utcnow() + dt.timedelta(hours=1),
        item=rng.choice(ITEMS) if action is Action.CHANGE else None,
    )


@pytest.fixture
def race(committed: object) -> Race:
    """Give a work order with two reports, dispatched."""
    seed = random.SystemRandom().randrange(1 << 32)
    with Session.begin() as session:
        report = make_report(session, item=ITEMS[0], now=utcnow())
        work_order = reports.show(session, report).work_order
        again = make_report(session, item=ITEMS[0], same_as=work_order.public_id, now=utcnow())
        people = {role: make_person(session, role)[0] for role in STAFF}
        return Race(work_order.public_id, work_order.id, [report.id, again.id], people, seed)


def test_fifty_people_walk_one_history(race: Race) -> None:
    threads = [threading.Thread(target=race.run, args=(number,)) for number in range(PEOPLE)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not race.faults, (race.seed, race.faults)
    told = sum(race.told[action] for action in Action)
    assert told > PEOPLE, (race.seed, race.told)
    with Session() as session:
        work_order = session.get_one(WorkOrder, race.work_order_id)
        assert work_order.reports == len(race.reports)
        check_history(session, work_order)
        check_parts(session, work_order)
        check_clocks(session, work_order)


def check_history(session: SessionType, work_order: WorkOrder) -> None:
    """Check that the lines are numbered and chained without a gap, and that each is a move from the state before."""
    state, head, number, at = State.AWAITING_DISPATCH, GENESIS, 0, work_order.opened_at
    for event in history(session, work_order.id, public_only=False):
        assert (event.number, event.previous, event.hash) == (number + 1, head, event_hash(event))
        assert event.at >= at
        number, head, at = event.number, event.hash, event.at
        targets = {move.target for move in MOVES if move.source is state and move.tells is event.kind}
        if event.kind not in BESIDE:
            assert len(targets) == 1, (state, event.kind)
            (state,) = targets
    assert (work_order.state, work_order.events, work_order.head) == (state, number, head)
    assert work_order.updated_at == at


def check_parts(session: SessionType, work_order: WorkOrder) -> None:
    """Check that the queue's columns repeat the parts: one lead, and none where nobody has the work."""
    parts = open_parts(session, work_order.id)
    leads = [part for part in parts if part.part is Part.LEAD]
    nobody = work_order.state in {State.AWAITING_DISPATCH, State.DECLINED}
    assert len(leads) == (0 if nobody else 1)
    if leads:
        assert work_order.lead_unit == leads[0].unit_code
        assert work_order.co_units == sorted(part.unit_code for part in parts if part.part is Part.CO)
    if work_order.state in {State.FIXED, State.CLOSED}:
        assert all(part.finished_at for part in parts)


def check_clocks(session: SessionType, work_order: WorkOrder) -> None:
    """Check that the clocks that run are those of the state."""
    found = running(session, work_order)
    kinds = Counter(deadline.kind for deadline in found)
    state, work = work_order.state, kinds[DeadlineKind.HANDLING] + kinds[DeadlineKind.REWORK]
    if state in ENDED:
        assert not found
    assert work == (state in {State.DISPATCHED, State.DISPUTED, State.IN_PROGRESS, State.ON_HOLD}) or (
        state is State.FIXED and not kinds[DeadlineKind.HANDLING]
    )
    assert kinds[DeadlineKind.DISPATCH] == (state is State.AWAITING_DISPATCH)
    assert kinds[DeadlineKind.ADJUDICATION] == (state is State.DISPUTED)
    assert kinds[DeadlineKind.SUPERVISION] <= 1
    unsigned = [part.unit_code for part in open_parts(session, work_order.id) if part.signed_at is None]
    refused = work_order.lead_unit if state is State.DISPUTED else None
    to_sign = sorted(unit for unit in unsigned if unit != refused)
    if state not in ENDED:
        signing = sorted(str(each.unit) for each in found if each.kind is DeadlineKind.SIGN_FOR)
        assert signing == to_sign
    for deadline in found:
        check_pause(deadline, state)


def check_pause(deadline: Deadline, state: State) -> None:
    """Check that a clock stands still only while the work does, and that it is looked at only while it runs."""
    may_pause = {DeadlineKind.HANDLING: State.ON_HOLD, DeadlineKind.REWORK: State.FIXED}
    if deadline.paused_at is not None:
        assert may_pause.get(deadline.kind) is state
        assert (deadline.next_at, deadline.breached_at) == (None, None)
    elif deadline.breached_at is None:
        assert deadline.next_at == deadline.due_at


def test_a_step_that_waited_for_a_change_of_item_goes_by_the_new_item(race: Race) -> None:
    rng, by = random.Random(1), race.people[Role.SUPERVISOR]
    change = replace(ask(Action.CHANGE, rng), item=ITEMS[1])

    with ThreadPoolExecutor(1) as other:
        with Session.begin() as session:
            take_step(session, race.public_id, change, brought=Brought(), by=by, now=utcnow())
            waiting = other.submit(race.step, one_move(Action.NOTE), Role.SUPERVISOR, rng)
            wait_for_a_lock()
        waiting.result(PATIENCE_S)

    with Session() as session:
        work_order = session.get_one(WorkOrder, race.work_order_id)
        kinds = [event.kind for event in history(session, work_order.id, public_only=False)]
    assert work_order.item_code == ITEMS[1]
    assert kinds[-1] is EventKind.NOTE


def one_move(action: Action) -> Move:
    return next(move for move in MOVES if move.action is action)


def wait_for_a_lock() -> None:
    """Wait until somebody waits for a row."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    def waits() -> bool:
        with Session() as session:
            return bool(session.scalar(waiting))

    wait_until(waits, "nobody waits")
