"""One size: its database, its server, its floors, and how each call is measured there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from math import inf
from pathlib import Path
from uuid import uuid4

from benchmarks.calls import Asked, Inside, file, look, measure
from benchmarks.draws import Draw
from benchmarks.floor import TURNS, Floor, commit_floor
from benchmarks.lives import Lives, by_life, share_out
from benchmarks.recording import FILE, LOOK, MOVE, READS, WRITES
from benchmarks.scale import Scale
from benchmarks.scripts import Call, write_floor
from benchmarks.statistics import Latencies
from benchmarks.web import Server
from dev.cluster import Cluster

COMMIT = "commit"
PRIME = 137  # every round begins elsewhere in the list of inputs


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the tables: a call, and how many ask for it at once."""

    call: str
    clients: int = 1

    @property
    def title(self) -> str:
        """Name it."""
        return self.call if self.call in READS else f"{self.call}, {self.clients} at once"

    @property
    def files(self) -> bool:
        """Tell whether it files reports."""
        return self.call == FILE

    @property
    def moves(self) -> bool:
        """Tell whether it moves work orders."""
        return self.call == MOVE


ALL = (
    *(Measured(call) for call in READS),
    *(Measured(call, clients) for call in (LOOK, FILE, MOVE) for clients in (1, 4)),
)


@dataclass(slots=True)
class Seen:
    """What the answers said: how many were similar each time, how many were filed, how long those took that joined.

    ``steps`` is what each step of a life took that was moved alone.
    """

    found: list[int] = field(default_factory=list)
    joined: list[float] = field(default_factory=list)
    filed: int = 0
    steps: list[tuple[float, ...]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Site:
    """A database of one size with all that measures it."""

    size: int
    cluster: Cluster
    database: str
    server: Server
    inside: Inside
    asked: Sequence[Asked]
    draws: Iterator[Draw]
    folder: Path
    scale: Scale
    lives: Lives
    calls: dict[str, list[Call]] = field(default_factory=dict)
    floors: dict[str, Floor] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    _newest: str = ""

    def mark(self) -> None:
        """Remember which work orders are there to stay."""
        self._newest = self.cluster.psql("SELECT max(id::text) FROM work_orders", self.database)

    def build_floors(self) -> None:
        """Write the scripts of the recorded calls."""
        for number, (name, calls) in enumerate(self.calls.items()):
            prefix, writes = f"call{number}", name in WRITES
            self.floors[name] = write_floor(
                self.cluster, self.database, prefix, calls, folder=self.folder, writes=writes
            )
        self.floors[COMMIT] = commit_floor(self.cluster, self.database, self.folder)

    def warm(self) -> None:
        """Let every process and connection do its first calls before they are measured."""
        for each in ALL:
            self.ours(each, 0, share=1.0)
        self.seen = Seen()
        self.settle()

    def floor(self, measured: Measured) -> Latencies:
        """Measure the same SQL by pgbench."""
        bound = self.scale.floor_reads
        if measured.call == COMMIT:
            bound = ("-t", str(self.scale.floor_files))
        if measured.files:
            bound = ("-t", str(TURNS * self.scale.floor_files // measured.clients))
        if measured.moves:
            bound = ("-t", str(TURNS * self.scale.floor_lives // measured.clients))
        return self.floors[measured.call].measure(clients=measured.clients, bound=bound, folder=self.folder)

    def ours(self, measured: Measured, turn: int, *, share: float) -> list[float]:
        """Measure our call for a share of a round's seconds; give milliseconds."""
        if measured.files:
            return self._file(measured, share)
        if measured.moves:
            return self._move(measured, share)
        seconds = self.scale.read_seconds * share
        if measured.call == LOOK:
            return self._look(measured, turn, seconds)
        return measure(getattr(self.inside, measured.call), self.asked, start=turn * PRIME, seconds=seconds)

    def settle(self) -> None:
        """Close what was filed meanwhile, so that as many are open as before, and forget the jobs: no worker runs."""
        self.lives.put_back()
        self.cluster.psql(
            "UPDATE work_orders SET state = 'closed', outcome = 'fixed', closed_at = now() "
            f"WHERE id > '{self._newest}' AND state <> 'closed'; "
            "TRUNCATE procrastinate_jobs CASCADE; VACUUM work_orders",
            self.database,
        )

    def open_work_orders(self) -> int:
        """Count what is open."""
        return int(self.cluster.psql("SELECT count(*) FROM work_orders WHERE state <> 'closed'", self.database))

    def _look(self, measured: Measured, turn: int, seconds: float) -> list[float]:
        begin = turn * PRIME % len(self.asked)
        requests = [look(each) for each in (*self.asked[begin:], *self.asked[:begin])]
        answers = self.server.measure(requests, clients=measured.clients, seconds=seconds, expected=HTTPStatus.OK)
        self.seen.found += [len(answer.said) for answer in answers]
        return [answer.milliseconds for answer in answers]

    def _file(self, measured: Measured, share: float) -> list[float]:
        """File reports; those that joined a work order write less and are counted apart."""
        count, seconds = round(self.scale.most_files * share), self.scale.file_seconds * share
        requests = [file(draw, uuid4()) for draw in islice(self.draws, count)]
        answers = self.server.measure(requests, clients=measured.clients, seconds=seconds, expected=HTTPStatus.CREATED)
        joined = [answer.milliseconds for answer in answers if answer.said["joined"]]
        self.seen.joined += joined
        self.seen.filed += len(answers)
        return [answer.milliseconds for answer in answers if not answer.said["joined"]]

    def _move(self, measured: Measured, share: float) -> list[float]:
        """Move work orders from sign to fix; give what each took for its three steps."""
        count = max(1, round(self.scale.lives * share) // measured.clients) * measured.clients
        requests = share_out(self.lives.take(count), self.lives.token, measured.clients)
        answers = self.server.measure(requests, clients=measured.clients, seconds=inf, expected=HTTPStatus.OK)
        lived = list(by_life([answer.milliseconds for answer in answers]))
        if measured.clients == 1:
            self.seen.steps += lived
        return [sum(steps) for steps in lived]
