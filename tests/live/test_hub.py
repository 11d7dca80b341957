"""The seam between what a stream missed and what it is handed, with lines written at the worst moments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.accounts.roles import Role
from app.config import Settings
from app.db import Session
from app.live import queries
from app.live.frames import Position
from app.live.hub import Hub
from app.live.ring import Ring
from app.live.streams import QUEUE_MOST, ReporterStream, StaffStream, Stream
from app.workorders.models import TimelineEvent
from tests.aside import run_aside
from tests.live.lines import filed, note, position
from tests.make import make_person


class Wire:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


class Seam:
    """A hub whose reading can be followed by something before its answer is there."""

    def __init__(self, reading: Any, then: Callable[[Hub], None]) -> None:
        self.hub = Hub(self.read)
        self._reading, self._then = reading, then
        self._done = False

    async def read(self, reading: Any, *values: Any, **named: Any) -> Any:
        with Session() as session:
            found = reading(session, *values, **named)
        if reading is self._reading and not self._done:
            self._done = True
            self._then(self.hub)
            await self.hand_out()
        return found

    async def hand_out(self) -> None:
        """Let the hub hand out what it has heard: it forgets that it was told, and then does all of it at once."""
        while self.hub._told.is_set():  # noqa: ASYNC110  # the product has no event for it
            await asyncio.sleep(0)

    async def run(self, stream: Stream, seat: Any) -> list[str]:
        """Seat a stream and give the notes that it is told."""
        work = asyncio.create_task(self.hub.work())
        self.hub.open(stream)
        await seat
        await self.hand_out()
        work.cancel()
        stream.close()
        lines = (await stream.take()).decode().split("\n")
        notes = [json.loads(line.removeprefix("data: "))["note"] for line in lines if line.startswith("data: ")]
        return [said for said in notes if said]


def tell(hub: Hub, line: TimelineEvent) -> None:
    hub.hear(f"{line.work_order_id} {line.number} {line.id}")


def test_a_line_between_the_reading_and_its_answer_is_told_once(committed: Settings) -> None:
    report, _, work_order_id = filed()
    last = Position.read(position(work_order_id))
    note(work_order_id, "missed")
    seam = Seam(queries.catch_up, lambda hub: tell(hub, note(work_order_id, "in the seam")))
    stream = ReporterStream(wire=Wire(), report_id=report.id, work_order_id=work_order_id)

    told = run_aside(seam.run(stream, seam.hub.seat_reporter(stream, last)))

    assert told == ["missed", "in the seam"]


def test_a_line_that_was_read_before_it_was_heard_of_is_told_once(committed: Settings) -> None:
    report, _, work_order_id = filed()
    last = Position.read(position(work_order_id))
    line = note(work_order_id, "read and heard")
    seam = Seam(queries.catch_up, lambda hub: tell(hub, line))
    stream = ReporterStream(wire=Wire(), report_id=report.id, work_order_id=work_order_id)

    told = run_aside(seam.run(stream, seam.hub.seat_reporter(stream, last)))

    assert told == ["read and heard"]


def test_staff_are_told_each_line_of_the_seam_once(committed: Settings) -> None:
    _, _, work_order_id = filed()
    with Session.begin() as session:
        person, token = make_person(session, Role.SUPERVISOR)
    last = note(work_order_id, "known")
    line = note(work_order_id, "read and heard")

    def then(hub: Hub) -> None:
        tell(hub, line)
        tell(hub, note(work_order_id, "in the seam"))

    seam = Seam(queries.staff_page, then)
    stream = StaffStream(wire=Wire(), token=token, person=person)

    told = run_aside(seam.run(stream, seam.hub.seat_staff(stream, last.id, past=False)))

    assert told == ["read and heard", "in the seam"]


def test_the_queue_is_bounded_and_its_overflow_ends_the_connection() -> None:
    wire = Wire()
    stream = Stream(wire=wire)
    for _ in range(QUEUE_MOST):
        stream.push(b"x")
    assert not wire.aborted

    stream.push(b"x")

    assert wire.aborted
    assert stream.closed


def test_a_ring_knows_the_order_and_what_it_forgot() -> None:
    ring, ids = Ring(kept=3), [UUID(int=number) for number in range(5)]
    added = [ring.add(each) for each in (*ids, ids[4])]

    assert added == [True] * 5 + [False]
    assert ring.place_after(ids[1]) is None
    assert ring.place_after(ids[2]) == 3
    assert ring.since(3, 10) == ids[3:]
    assert ring.since(2, 2) == ids[2:4]
    assert ring.since(1, 10) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("7F3K9QABCD.12", Position("7F3K9QABCD", 12)),
        ("", None),
        ("7F3K9QABCD", None),
        ("7F3K9QABCD.-1", None),
        ("7F3K9QABCD.²", None),
        ("a'b.1", None),
        (f"7F3K9QABCD.{'9' * 400}", Position("7F3K9QABCD", int("9" * 18))),
    ],
)
def test_a_position_is_read_or_is_none(text: str, read: Position | None) -> None:
    assert Position.read(text) == read
