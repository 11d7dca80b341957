from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.config import Settings
from app.db import Reading, utcnow
from app.db import Session as Sessions
from app.workorders import tasks
from app.workorders.anchors import Anchor, Head, anchor_next, anchor_root, last_over, list_anchors, unpack_heads
from app.workorders.audit import Scope, Verdict, verify
from app.workorders.cli import audit
from app.workorders.models import EventKind, TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.timeline import append, event_hash
from tests.make import YUEHAI, make_work_order

DAY = dt.date(2026, 11, 10)
MORNING = dt.datetime(2026, 11, 10, 9, tzinfo=dt.UTC)
ONE = dt.timedelta(days=1)
SOON = MORNING + 3 * ONE  # three days are over by then
LINE = "FROM timeline_events WHERE work_order_id = :key AND number ="
FORGET_LINE = (
    f"DELETE FROM deliveries WHERE event_id = (SELECT id {LINE} {{0}})",
    f"DELETE FROM timeline_payloads WHERE event_id = (SELECT id {LINE} {{0}})",
    f"DELETE {LINE} {{0}}",
)
FORGET_ALL = tuple(statement.replace("= (SELECT", "IN (SELECT").format("ANY('{1,2,3,4}')") for statement in FORGET_LINE)
FORGET_WORK_ORDER = (
    "DELETE FROM deadlines WHERE work_order_id = :key",
    "DELETE FROM assignments WHERE work_order_id = :key",
    "DELETE FROM report_links WHERE work_order_id = :key",
    "DELETE FROM work_orders WHERE id = :key",
)
BREAKS = {
    "a word of a payload": (
        [f"UPDATE timeline_payloads SET content = '{{}}' WHERE event_id = (SELECT id {LINE} 3)"],
        "work order {id}, line 3: its digest is not that of its words",
    ),
    "an author": (
        ["UPDATE timeline_events SET by = 'crew:nobody' WHERE work_order_id = :key AND number = 3"],
        "work order {id}, line 3: its hash is not that of its number",
    ),
    "a kind that is none": (
        [
            "ALTER TABLE timeline_events DROP CONSTRAINT ck_timeline_events_eventkind",
            "UPDATE timeline_events SET kind = 'nonsense' WHERE work_order_id = :key AND number = 3",
        ],
        "work order {id}, line 3: its hash is not that of its number",
    ),
    "a line removed from the middle": (
        [statement.format(3) for statement in FORGET_LINE],
        "work order {id}, line 3: it is missing",
    ),
    "the tail removed": (
        [statement.format(4) for statement in FORGET_LINE],
        "work order {id}, line 4: it is missing, the work order counts 4 lines",
    ),
    "the tail removed and the work order made to fit": (
        [
            *(statement.format(4) for statement in FORGET_LINE),
            f"UPDATE work_orders SET events = 3, head = (SELECT hash {LINE} 3) WHERE id = :key",
        ],
        "work order {id}, line 4: it is missing, anchor 2 of 2026-11-11 holds it",
    ),
    "a whole work order removed": (
        [*FORGET_ALL, *FORGET_WORK_ORDER],
        "work order of key {key}, line 2: it is missing, anchor 1 of 2026-11-10 holds it",
    ),
    "a work order removed and its lines kept": (
        ["ALTER TABLE timeline_events DROP CONSTRAINT fk_timeline_events_work_order_id", *FORGET_WORK_ORDER],
        "work order of key {key}, line 1: its work order is missing",
    ),
    "two numbers swapped": (
        [
            "UPDATE timeline_events SET number = 9 WHERE work_order_id = :key AND number = 2",
            "UPDATE timeline_events SET number = 2 WHERE work_order_id = :key AND number = 3",
            "UPDATE timeline_events SET number = 3 WHERE work_order_id = :key AND number = 9",
        ],
        "work order {id}, line 2: its previous hash is not that of the line before",
    ),
    "a work order that counts less": (
        ["UPDATE work_orders SET events = 3 WHERE id = :key"],
        "work order {id}, line 4: the work order counts 3 lines only",
    ),
    "a work order with another head": (
        ["UPDATE work_orders SET head = sha256('x') WHERE id = :key"],
        "work order {id}, line 4: the work order names another hash as its last",
    ),
    "the heads of an anchor": (
        ["UPDATE anchors SET heads = substr(heads, 57), work_orders = work_orders - 1 WHERE number = 2"],
        "anchor 2 of 2026-11-11: its root is not that of its number, day, time, heads and previous root",
    ),
    "the day of an anchor": (
        ["UPDATE anchors SET day = '2026-11-20' WHERE number = 2"],
        "anchor 2 of 2026-11-20: its day is not the day after the anchor before",
    ),
    "the root of an anchor": (
        ["UPDATE anchors SET root = sha256('x') WHERE number = 2"],
        "anchor 2 of 2026-11-11: its root is not that of its number, day, time, heads and previous root",
    ),
    "the first anchor removed": (["DELETE FROM anchors WHERE number = 1"], "anchor 1: it is missing"),
    "an anchor removed": (["DELETE FROM anchors WHERE number = 2"], "anchor 2 of 2026-11-11: it is missing"),
    "an anchor removed and the next ones numbered anew": (
        ["DELETE FROM anchors WHERE number = 2", "UPDATE anchors SET number = 2 WHERE number = 3"],
        "anchor 2 of 2026-11-12: its previous root is not that of the anchor before",
    ),
}
# What one change breaks in one place alone is one finding.
SINGLE = {"a word of a payload", "an author", "a line removed from the middle", "a work order with another head"}


@dataclass
class Histories:
    """Three work orders, the middle one of which tests break, and the owner's connections."""

    work_orders: list[WorkOrder]
    owner: Engine

    @property
    def key(self) -> UUID:
        return self.work_orders[1].id

    @property
    def name(self) -> str:
        return self.work_orders[1].public_id

    def breaks(self, *statements: str) -> None:
        with self.owner.begin() as connection:
            for statement in statements:
                values = {"key": self.key} if ":key" in statement else {}
                connection.execute(text(statement), values)


def note(session: Session, work_order: WorkOrder, at: dt.datetime) -> TimelineEvent:
    locked = session.get_one(WorkOrder, work_order.id, with_for_update=True, populate_existing=True)
    return append(session, locked, EventKind.NOTE, at=at, by="crew:somebody", content={"note": "修复中"}, public=False)


def anchor_all(now: dt.datetime) -> list[Anchor]:
    made: list[Anchor] = []
    while True:
        with Sessions.begin() as session:
            anchor = anchor_next(session, through=last_over(now), now=now)
        if anchor is None:
            return made
        made.append(anchor)


def verdict(now: dt.datetime = SOON, scope: Scope | None = None) -> Verdict:
    with Reading() as session:
        return verify(session, now=now, scope=scope or Scope())


@pytest.fixture
def histories(committed: Settings) -> Iterator[Histories]:
    """Give three work orders: two lines on the first day, two on the second, none on the third; not yet anchored."""
    lon, lat = YUEHAI
    made = []
    for number in range(3):
        with Sessions.begin() as session:
            work_order = make_work_order(session, now=MORNING, lon=lon + number / 500, lat=lat)
            note(session, work_order, MORNING + ONE)
            note(session, work_order, MORNING + ONE + dt.timedelta(minutes=1))
            made.append(work_order)
    engine = create_engine(committed.database_owner_url, poolclass=NullPool)
    yield Histories(made, engine)
    engine.dispose()


def test_a_whole_history_is_whole(histories: Histories) -> None:
    anchor_all(SOON)

    found = verdict()

    assert found == Verdict(work_orders=3, lines=12, erased=0, anchors=3, broken=0, first=None)


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_named_exactly(histories: Histories, name: str) -> None:
    statements, expected = BREAKS[name]
    anchor_all(SOON)

    histories.breaks(*statements)
    found = verdict()

    assert str(found.first).startswith(expected.format(id=histories.name, key=histories.key))
    assert found.broken == 1 or name not in SINGLE


def test_the_first_of_several_breaks_is_named_and_the_rest_counted(histories: Histories) -> None:
    anchor_all(SOON)
    first, _, last = histories.work_orders
    for work_order in (last, first):
        statement = update(TimelineEvent).where(TimelineEvent.work_order_id == work_order.id, TimelineEvent.number == 1)
        with histories.owner.begin() as connection:
            connection.execute(statement.values(public=False))

    found = verdict()

    assert str(found.first).startswith(f"work order {first.public_id}, line 1: ")
    assert found.broken == 2


def test_a_line_that_was_written_anew_with_fitting_hashes_differs_from_its_anchor(histories: Histories) -> None:
    anchor_all(SOON)

    with Session(histories.owner) as session:
        line = session.scalars(select(TimelineEvent).filter_by(work_order_id=histories.key, number=4)).one()
        line.by = "crew:somebody else"
        line.hash = event_hash(line)
        session.get_one(WorkOrder, histories.key).head = line.hash
        session.flush()
        session.connection().commit()
    found = verdict()

    assert (
        str(found.first) == f"work order {histories.name}, line 4: it has another hash, anchor 2 of 2026-11-11 holds it"
    )
    assert found.broken == 1


def test_erased_words_leave_history_whole_and_are_counted(histories: Histories) -> None:
    anchor_all(SOON)
    with Sessions.begin() as session:
        event = session.scalars(select(TimelineEvent).filter_by(work_order_id=histories.key, number=3)).one()
        session.delete(session.get_one(TimelinePayload, event.id))

    found = verdict()

    assert (found.first, found.lines, found.erased) == (None, 12, 1)


def test_an_anchor_holds_the_last_line_of_each_work_order_of_the_day_and_chains(histories: Histories) -> None:
    made = anchor_all(SOON)

    assert [(anchor.number, anchor.day, anchor.work_orders) for anchor in made] == [
        (1, DAY, 3),
        (2, DAY + ONE, 3),
        (3, DAY + 2 * ONE, 0),
    ]
    assert [anchor.previous for anchor in made] == [bytes(32), made[0].root, made[1].root]
    assert [anchor.root for anchor in made] == [anchor_root(anchor) for anchor in made]
    newest = [Head(each.id, each.events, each.head or b"") for each in histories.work_orders]
    assert list(unpack_heads(made[1].heads)) == sorted(newest)
    assert [head.number for head in unpack_heads(made[0].heads)] == [2, 2, 2]


def test_anchoring_twice_gives_one_row_and_a_missed_day_is_caught_up(histories: Histories) -> None:
    after_one_day = MORNING + ONE
    first, again, later = anchor_all(after_one_day), anchor_all(after_one_day), anchor_all(SOON + ONE)

    assert [anchor.day for anchor in first] == [DAY]
    assert again == []
    assert [anchor.day for anchor in later] == [DAY + ONE, DAY + 2 * ONE, DAY + 3 * ONE]


def test_a_day_is_anchored_an_hour_after_its_end(histories: Histories) -> None:
    end = dt.datetime(2026, 11, 11, tzinfo=dt.UTC)

    early = anchor_all(end + dt.timedelta(minutes=59))
    due = anchor_all(end + dt.timedelta(hours=1))

    assert (early, [anchor.day for anchor in due]) == ([], [DAY])


def test_two_processes_that_anchor_at_once_make_one_row_a_day(histories: Histories) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [anchor for some in pool.map(anchor_all, [SOON] * 4) for anchor in some]

    assert sorted(anchor.number for anchor in made) == [1, 2, 3]


def test_a_line_that_arrives_after_its_day_was_anchored_merely_follows(histories: Histories) -> None:
    anchor_all(SOON)

    with Sessions.begin() as session:
        note(session, histories.work_orders[1], MORNING + ONE + dt.timedelta(hours=1))
    found = verdict()

    assert (found.first, found.lines) == (None, 13)


def test_without_any_history_there_is_nothing_to_anchor_and_nothing_broken(committed: Settings) -> None:
    assert anchor_all(SOON) == []
    assert verdict() == Verdict()


def test_a_newest_anchor_that_is_missing_is_told_a_day_after_it_was_due(histories: Histories) -> None:
    anchor_all(SOON)
    histories.breaks("DELETE FROM anchors WHERE number = 3")
    due = dt.datetime(2026, 11, 13, 1, tzinfo=dt.UTC)

    early, late = verdict(due + dt.timedelta(hours=23)), verdict(due + ONE)

    assert early.first is None
    assert str(late.first).startswith("anchor 3 of 2026-11-12: it is missing")


def test_a_history_that_was_never_anchored_is_told(histories: Histories) -> None:
    found = verdict()

    assert str(found.first).startswith("anchor 1 of 2026-11-10: it is missing")


def test_an_anchor_of_a_day_that_is_not_over_is_told(histories: Histories) -> None:
    newest = anchor_all(SOON)[-1]
    with Sessions.begin() as session:
        forged = Anchor(number=4, day=newest.day + ONE, made_at=SOON, work_orders=0, heads=b"", previous=newest.root)
        forged.root = anchor_root(forged)
        session.add(forged)

    found = verdict()

    assert str(found.first).startswith("anchor 4 of 2026-11-13: it was made before its day was over")
    assert found.broken == 1


def test_since_a_day_looks_at_what_moved_since(histories: Histories) -> None:
    with Sessions.begin() as session:
        note(session, histories.work_orders[2], MORNING + 2 * ONE)
    anchor_all(SOON)
    histories.breaks("UPDATE timeline_events SET by = 'x' WHERE work_order_id = :key AND number = 1")

    third, second = verdict(scope=Scope(since=DAY + 2 * ONE)), verdict(scope=Scope(since=DAY + ONE))

    assert third == Verdict(work_orders=1, lines=5, anchors=1)
    assert (second.work_orders, second.anchors, second.broken) == (3, 2, 1)


def test_one_work_order_alone_is_held_against_its_anchors(histories: Histories) -> None:
    anchor_all(SOON)
    statements, expected = BREAKS["the tail removed and the work order made to fit"]
    histories.breaks(*statements)

    broken = verdict(scope=Scope(work_order_id=histories.key))
    other = verdict(scope=Scope(work_order_id=histories.work_orders[0].id))

    assert str(broken.first) == expected.format(id=histories.name)
    assert other == Verdict(work_orders=1, lines=4, anchors=2)


def test_pages_are_walked_to_the_end(histories: Histories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.workorders.audit.WORK_ORDERS_AT_ONCE", 2)
    monkeypatch.setattr("app.workorders.audit.HEADS_AT_ONCE", 2)
    anchor_all(SOON)
    key = histories.work_orders[2].id
    with histories.owner.begin() as connection:
        for statement in [*FORGET_ALL, *FORGET_WORK_ORDER]:
            connection.execute(text(statement), {"key": key})

    found = verdict()

    assert (found.work_orders, found.lines) == (2, 8)
    assert str(found.first) == f"work order of key {key}, line 2: it is missing, anchor 1 of 2026-11-10 holds it"
    assert found.broken == 2


def test_the_job_anchors_all_days_that_are_over(committed: Settings) -> None:
    with Sessions.begin() as session:
        make_work_order(session, now=utcnow() - 3 * ONE)

    tasks.anchor(0)
    tasks.anchor(0)

    with Reading() as session:
        days = [anchor.day for anchor in list_anchors(session)]
    assert len(days) in {2, 3}  # three days ago to yesterday, which is not yet over in the first hour of a day
    assert days[-1] == last_over(utcnow())


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(audit, words)


def test_the_commands_anchor_verify_and_print(app: Flask, histories: Histories) -> None:
    anchored = run(app, "anchor", "2026-11-11")
    printed = run(app, "anchors")
    broken_later = run(app, "verify", "--work-order", histories.name)
    with Reading() as session:
        roots = [anchor.root.hex() for anchor in list_anchors(session)]

    assert anchored.output.splitlines() == [
        "2026-11-10: anchor 1, 3 work orders",
        "2026-11-11: anchor 2, 3 work orders",
        "All days through 2026-11-11 are anchored.",
    ]
    assert printed.output.splitlines() == [f"2026-11-10 1 {roots[0]}", f"2026-11-11 2 {roots[1]}"]
    assert broken_later.exit_code == 0
    assert broken_later.output.splitlines()[-1] == "Whole: 1 work orders, 4 lines (0 with erased words), 2 anchors."


def test_verify_of_a_quiet_day_has_nothing_to_walk_over(app: Flask, histories: Histories) -> None:
    anchor_all(SOON)

    result = run(app, "verify", "--since", "2026-11-12")

    # Days without an anchor since then are told; on the machine's clock they may be many.
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "0 work orders, 0 lines" in result.output


def test_verify_ends_with_1_and_one_line_that_names_the_break(app: Flask, histories: Histories) -> None:
    run(app, "anchor")
    histories.breaks("UPDATE timeline_events SET by = 'x' WHERE work_order_id = :key AND number IN (1, 3)")

    result = run(app, "verify")

    assert result.exit_code == 1
    assert "Verifying: 3 of 9 histories" in result.output
    assert f"Broken: work order {histories.name}, line 1: its hash is not" in result.output
    assert result.output.splitlines()[-1].startswith("1 more findings in 3 work orders, 12 lines")


def test_a_day_that_is_not_over_is_refused_in_one_line(app: Flask, histories: Histories) -> None:
    result = run(app, "anchor", str(utcnow().date()))

    assert result.exit_code == 1
    assert "is not over for an hour (UTC): nothing was anchored." in result.output
    with Reading() as session:
        assert session.scalar(select(func.count()).select_from(Anchor)) == 0


def test_an_unknown_work_order_is_refused_in_one_line(app: Flask, histories: Histories) -> None:
    result = run(app, "verify", "--work-order", "0000000000")

    assert result.exit_code == 1
    assert result.output.startswith("Error: There is no work order 0000000000")
