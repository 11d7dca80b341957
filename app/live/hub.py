"""The hub: hears which work orders have new lines, reads them once, and hands each open stream what it may see.

Everything here runs in one thread, that of the event loop; ``Read`` runs a reading in another one. Whoever joins is
first enlisted, then reads what was missed, and drops what came twice: so there is neither a gap nor a double at the
seam. docs/live.md says what is guaranteed where.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from app.accounts.service import find_person
from app.db import utcnow
from app.live import queries
from app.live.frames import PING, Position
from app.live.ring import Ring
from app.live.streams import ReporterStream, StaffStream, Stream

log = logging.getLogger(__name__)

# A line has its time when it is written and is seen when its transaction commits: whatever takes longer between the
# two than this can be missed where a stream is resumed by time.
OVERLAP = dt.timedelta(seconds=60)
BATCH = 500
RETRY_SECONDS = 1.0
PING_SECONDS = 15.0
SLOTS = 150  # a few pings at a time: all at once would hold up the lines
CHECK_SECONDS = 20.0

Read = Callable[..., Awaitable[Any]]


class Hub:
    """All open streams of this process."""

    def __init__(self, read: Read) -> None:
        self.reporters: defaultdict[UUID, set[ReporterStream]] = defaultdict(set)
        self.staff: set[StaffStream] = set()
        self.streams: set[Stream] = set()
        self.ring = Ring()
        self.listens = False
        self._read = read
        self._slots: list[set[Stream]] = [set() for _ in range(SLOTS)]
        self._opened = 0
        # Work orders to look at, with the number behind which, where only streams that are seated later would say.
        self._dirty: set[UUID] = set()
        self._told = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # Streams come and go

    def open(self, stream: Stream) -> None:
        """Take a stream in; it gets pings, and lines once it is seated."""
        self._opened += 1
        stream.slot = self._opened % SLOTS
        self._slots[stream.slot].add(stream)
        self.streams.add(stream)
        if isinstance(stream, ReporterStream):
            self.reporters[stream.work_order_id].add(stream)
        elif isinstance(stream, StaffStream):
            self.staff.add(stream)
            stream.place = self.ring.end

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        self._slots[stream.slot].discard(stream)
        self.streams.discard(stream)
        if isinstance(stream, ReporterStream):
            self._unlist(stream)
        elif isinstance(stream, StaffStream):
            self.staff.discard(stream)

    def _unlist(self, stream: ReporterStream) -> None:
        there = self.reporters[stream.work_order_id]
        there.discard(stream)
        if not there:
            del self.reporters[stream.work_order_id]

    async def seat_reporter(self, stream: ReporterStream, last: Position | None) -> None:
        """Bring a stream that is enlisted up to the present; from then on it is handed every line."""
        stream.pending = True
        while not stream.closed:
            stream.touched = False
            caught = await self._read(queries.catch_up, stream.report_id, last)
            if stream.closed:
                return
            if caught.work_order_id != stream.work_order_id:  # merged meanwhile: enlist there, then read again
                self._unlist(stream)
                stream.work_order_id = caught.work_order_id
                self.reporters[stream.work_order_id].add(stream)
                last = last or Position(caught.work_order, caught.number)
                continue
            if caught.missed:
                await stream.feed(caught.missed)
            stream.number, last = caught.number, Position(caught.work_order, caught.number)
            if not stream.touched:
                stream.pending = False
                return

    async def seat_staff(self, stream: StaffStream, last: UUID | None, past: bool) -> None:
        """Bring a staff stream up to the present: by the ring where it knows ``last``, else by time with an overlap.

        ``past``: what the client heard last was told in the order of time, which the ring's is not.
        """
        known = stream.place if last is None else None if past else self.ring.place_after(last)
        sent: set[UUID] = set()
        if known is not None:
            stream.place = known
        elif last is not None:
            sent = await self._feed_past(stream, last)
        while not stream.closed and stream.place < self.ring.end:
            ids = self.ring.since(stream.place, BATCH)
            if ids is None:
                stream.drop()
                return
            lines = await self._read(queries.staff_lines, ids)
            stream.place += len(ids)
            for line in (lines[each] for each in ids if each in lines and each not in sent):
                if line.is_for(stream.person, unit=stream.unit, street=stream.street):
                    await stream.feed(line.shown)
        stream.pending = False

    async def _feed_past(self, stream: StaffStream, last: UUID) -> set[UUID]:
        since, sent = queries.earliest_id(queries.moment_of(last) - OVERLAP), set[UUID]()
        page = await self._read(queries.staff_page, stream.person, since=since, first=True)
        while page and not stream.closed:
            for line in page:
                sent.add(line.id)
                if line.id != last and line.is_for(stream.person, unit=stream.unit, street=stream.street):
                    await stream.feed(line.past)
            page = await self._read(queries.staff_page, stream.person, since=page[-1].id, first=False)
        return sent

    # Lines come in

    def hear(self, told: str) -> None:
        """Take a notification: work order, number, line."""
        work_order, _, line = told.split(" ")
        self.touch(UUID(work_order), UUID(line))

    def touch(self, work_order_id: UUID, line_id: UUID | None = None) -> None:
        """Look at a work order soon."""
        if line_id is not None:
            self.ring.add(line_id)
        if work_order_id in self.reporters:
            self._dirty.add(work_order_id)
        self._told.set()

    async def listen_again(self, lost_at: dt.datetime | None) -> None:
        """Make up for the time in which nobody listened: every watched work order, and all lines since then."""
        await self.check_staff()
        if lost_at is not None:
            since = queries.earliest_id(lost_at - OVERLAP)
            for line_id, _ in await self._read(queries.lines_since, since):
                self.ring.add(line_id)
        self._dirty |= self.reporters.keys()
        self._told.set()
        self.listens = True

    async def work(self) -> None:
        """Hand out what is new, for ever: everything that was told meanwhile at once."""
        while True:
            await self._told.wait()
            self._told.clear()
            dirty, self._dirty = self._dirty, set()
            try:
                await self._hand_to_reporters(dirty)
                await self._hand_to_staff()
            except SQLAlchemyError as fault:
                log.warning("reading failed, is tried again", extra={"cause": type(fault).__name__})
                self._dirty |= dirty
                await asyncio.sleep(RETRY_SECONDS)
                self._told.set()
            except Exception:  # a fault of ours: those whom it may concern read by themselves, all others go on
                log.exception("lines not handed out, their streams come back")
                concerned = [each for work_order_id in dirty for each in self.reporters.get(work_order_id, ())]
                for stream in (*concerned, *self.staff):
                    stream.drop()

    async def _hand_to_reporters(self, dirty: set[UUID]) -> None:
        after: dict[UUID, int] = {}
        for work_order_id in dirty:
            numbers = []
            for stream in self.reporters.get(work_order_id, ()):
                stream.touched = True
                if not stream.pending:
                    numbers.append(stream.number)
            if numbers:
                after[work_order_id] = min(numbers)
        for line in await self._read(queries.new_lines, after) if after else ():
            for stream in list(self.reporters.get(line.work_order_id, ())):
                if not stream.pending and stream.number < line.number:
                    self._hand(stream, line)

    def _hand(self, stream: ReporterStream, line: queries.NewLine) -> None:
        stream.number = line.number
        if line.moves:
            stream.pending = True
            self._start(self._move(stream, line.work_order))
        elif line.shown:
            own = line.own is not None and line.own[0] == stream.report_id
            stream.push(line.own[1] if own and line.own else line.shown)

    async def _move(self, stream: ReporterStream, gone: str) -> None:
        """Follow a report by a merge, a split or the undoing of one."""
        try:
            # From the line on by which it left: that says where to.
            await self.seat_reporter(stream, Position(gone, stream.number - 1))
        except SQLAlchemyError:
            stream.drop()  # it comes back with its last id, when the database is there
        except Exception:
            log.exception("report not followed")
            stream.drop()

    async def _hand_to_staff(self) -> None:
        seated = [stream for stream in self.staff if not stream.pending]
        place = min((stream.place for stream in seated), default=self.ring.end)
        while place < self.ring.end:
            ids = self.ring.since(place, BATCH)
            if ids is None:
                for stream in seated:
                    stream.drop()
                return
            lines = await self._read(queries.staff_lines, ids)
            for line_id in ids:
                place += 1
                for stream in seated:
                    if stream.place >= place:
                        continue
                    stream.place = place
                    line = lines.get(line_id)
                    if line and line.is_for(stream.person, unit=stream.unit, street=stream.street):
                        stream.push(line.shown)

    # Time passes

    async def ping(self) -> None:
        """Send every stream a comment each 15 seconds: proxies leave it open, and a dead peer is noticed."""
        while True:
            for slot in self._slots:
                for stream in list(slot):
                    stream.ping(PING)
                await asyncio.sleep(PING_SECONDS / SLOTS)

    async def check(self) -> None:
        """Look again and again whether the tokens of staff are good still, and for what."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check_staff()
            except SQLAlchemyError as fault:
                log.warning("tokens could not be checked", extra={"cause": type(fault).__name__})
            except Exception:  # a fault of ours: they are checked again
                log.exception("tokens could not be checked")

    async def check_staff(self) -> None:
        """End the streams of tokens that are good no more; others go on with what their person may see now."""
        for stream in list(self.staff):
            person = await self._read(find_person, stream.token, now=utcnow())
            if may_listen(person):
                stream.person = person
            else:
                stream.close()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def may_listen(person: Any) -> bool:
    """Tell whether somebody's token is good for reading."""
    return person is not None and (person.scopes is None or "read" in person.scopes)
