"""Two workers, killed and started again at random: every breach is acted on once."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.orm import Session as SessionType
from sqlalchemy.pool import NullPool

from app.catalogue.city import current_city
from app.db import Session, utcnow
from app.dispatch.escalation import read_centres
from app.dispatch.models import Notice
from app.jobs import enqueue
from app.workorders.clocks import minutes, start_clock
from app.workorders.models import Deadline, DeadlineKind, TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import GENESIS, event_hash
from dev.cluster import Cluster
from tests.databases import fill, settings_for
from tests.kill.harness import Service
from tests.make import make_work_order
from tests.scale import short_or_long
from tests.waiting import wait_until

pytestmark = [pytest.mark.kill, pytest.mark.long]

KILLS = short_or_long(4, 40)
WORKERS = ("worker", "worker 2")
JOBS = 4  # asked for at once, so that both workers work on the same clocks
WORK_ORDERS = 120
# A lamp goes to a unit of the city, above which is one centre; a footway to a street office with two above.
ITEMS = ("B0121", "B0221")
KINDS = (DeadlineKind.ADJUDICATION, DeadlineKind.SUPERVISION)


@pytest.fixture
def service(tmp_path: Path, shared: Path, app: object) -> Iterator[Service]:  # it opens store and keys
    """Give two workers over a database of their own, with work orders whose clocks run."""
    cluster = Cluster(tmp_path / "pg", durable=False)
    cluster.start()
    cluster.ensure_database("ssp_breaches")
    settings = settings_for(cluster.url("ssp_breaches"), cluster.url("ssp_breaches", "ssp_owner"), tmp_path)
    fill("shenzhen", settings)
    engine = create_engine(settings.database_url, poolclass=NullPool)
    Session.configure(bind=engine)
    service = Service(cluster, settings, tmp_path)
    try:
        with Session.begin() as session:
            open_work(session)
        for name in WORKERS:
            service.start(name)
        yield service
    finally:
        service.stop()
        engine.dispose()
        cluster.destroy()


def open_work(session: SessionType) -> None:
    """Open work orders with clocks of several kinds, all due in an hour."""
    city, soon = current_city(session), utcnow()
    for number in range(WORK_ORDERS):
        work_order = make_work_order(session, item=ITEMS[number % 2], now=soon)
        for kind in KINDS[: number % 3]:
            unit = work_order.lead_unit if kind is DeadlineKind.SUPERVISION else None
            start_clock(session, work_order, kind, minutes(60), unit=unit, city=city, now=soon)
    later = soon + dt.timedelta(hours=1)
    session.execute(update(Deadline).values(due_at=later, next_at=later))
    session.execute(text("DELETE FROM procrastinate_jobs"))


def test_two_workers_killed_at_random_act_once(service: Service) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    with Session() as session:
        clocks = list(session.scalars(select(Deadline.id)))
    rng.shuffle(clocks)

    for turn in range(KILLS):
        wait_until_busy(clocks[turn::KILLS])
        time.sleep(rng.uniform(0, 0.25))
        victim = rng.choice(WORKERS)
        service.kill(victim)
        service.start(victim)
    settle(clocks)

    logs = "".join((service.folder / f"{name}.log").read_text() for name in WORKERS)
    assert "row put off" not in logs, f"seed {seed}: {logs[-2000:]}"
    with Session() as session:
        assert len(clocks) > 2 * WORK_ORDERS
        check_levels(session, seed)
        check_histories(session)


def let_fall_due(clocks: Sequence[UUID]) -> None:
    """Let these clocks and every one that waits for its next level be overdue, but for those that a worker holds."""
    mine = Deadline.id.in_(clocks) | Deadline.breached_at.is_not(None)
    free = select(Deadline.id).where(mine, Deadline.next_at.is_not(None)).with_for_update(skip_locked=True)
    with Session.begin() as session:
        ids, past = session.scalars(free).all(), utcnow() - dt.timedelta(minutes=1)
        session.execute(update(Deadline).where(Deadline.id.in_(ids)).values(next_at=past))


def ask_for_jobs() -> None:
    """Ask for the minute job more than once, as no minute does: its queueing lock is left out."""
    with Session.begin() as session:
        for _ in range(JOBS):
            enqueue(session, "dispatch.clocks", timestamp=0)


def wait_until_busy(clocks: Sequence[UUID]) -> None:
    """Give the workers overdue clocks until one has written in a transaction that is still open."""
    writing = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL "
        "AND query NOT LIKE '%procrastinate%'"
    )

    def is_busy() -> bool:
        ask_again(clocks)
        with Session() as session:
            return bool(session.scalar(writing))

    wait_until(is_busy, "no worker was ever at work")


def settle(clocks: Sequence[UUID]) -> None:
    """Let every level fall due until none is left."""
    while before := running_clocks():

        def goes_on(before: int = before) -> bool:
            ask_again(clocks)
            return running_clocks() < before

        wait_until(goes_on, f"{before} clocks wait for ever")


def running_clocks() -> int:
    with Session() as session:
        return session.scalars(select(func.count()).where(Deadline.next_at.is_not(None))).one()


WAITING = (
    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'dispatch.clocks'"
    " AND coalesce(scheduled_at, now()) <= now()"
)


def ask_again(clocks: Sequence[UUID]) -> None:
    """Let clocks fall due and ask for jobs where the workers have taken all that was asked for."""
    with Session() as session:
        waiting = session.scalar(text(WAITING))
    if not waiting:
        let_fall_due(clocks)
        ask_for_jobs()


def check_levels(session: SessionType, seed: int) -> None:
    """Check that each clock was told once to its unit and once to each centre above, in the history and the inbox."""
    inbox, lines = defaultdict(list), defaultdict(list)
    for notice in session.scalars(select(Notice).where(Notice.deadline_id.is_not(None))):
        inbox[notice.deadline_id].append(notice.level)
    told = select(TimelineEvent, TimelinePayload).join(TimelinePayload, TimelinePayload.event_id == TimelineEvent.id)
    told = told.where(TimelineEvent.kind.in_((EventKind.OVERDUE, EventKind.ESCALATED)))
    for event, payload in session.execute(told.order_by(TimelineEvent.number)):
        lines[event.work_order_id, payload.content["clock"]].append((event.kind, payload.content["level"]))
    city, most = current_city(session), Counter[int]()
    for deadline in session.scalars(select(Deadline)):
        work_order = session.get_one(WorkOrder, deadline.work_order_id)
        centres = read_centres(session, [deadline.unit, work_order.lead_unit], city=city)
        above = len(centres.above(work_order, deadline.unit))
        levels = list(range(0 if deadline.unit else 1, above + 1))
        assert sorted(inbox[deadline.id]) == levels, f"seed {seed}"
        kinds = [EventKind.OVERDUE, *[EventKind.ESCALATED] * above]
        assert lines[deadline.work_order_id, deadline.kind.value] == list(zip(kinds, range(above + 1), strict=True))
        assert deadline.breached_at is not None
        assert deadline.level == above
        most[above] += 1
    assert set(most) == {1, 2}


def check_histories(session: SessionType) -> None:
    """Check that every chain is whole and ends where the work order says."""
    for work_order in session.scalars(select(WorkOrder)):
        previous, number = GENESIS, 0
        mine = select(TimelineEvent).where(TimelineEvent.work_order_id == work_order.id).order_by(TimelineEvent.number)
        for event in session.scalars(mine):
            assert (event.number, event.previous, event.hash) == (number + 1, previous, event_hash(event))
            previous, number = event.hash, event.number
        assert (work_order.events, work_order.head) == (number, previous)
