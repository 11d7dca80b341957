"""``python -m benchmarks.live``: memory and latency of the live stream with 50 and with 5,000 open, interleaved.

Two processes over one database: one holds 50 streams in all, the other 5,000. In each round an event for 50 streams of
each is committed, each side in turn first; the time is from before the commit until the last of the 50 has it. The
client is this one process, on raw sockets and epoll: it takes the time as bytes arrive and reads them after.
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from app import open_process
from app.accounts.service import SYSTEM
from app.config import Settings
from app.db import Session, utcnow
from app.geo.errors import OutsideCity
from app.live.hub import PING_SECONDS
from app.reports.service import NewReport, file_report, show
from app.workorders.models import WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append
from benchmarks.ground import GROUND, city_folder, make_ground, settings_for
from benchmarks.machine import machine
from benchmarks.statistics import Spread, figures, percentile, quotients
from dev import environment
from dev.cluster import Cluster
from dev.console import say
from dev.places import ROOT, VAR

WATCHING = 50
OPEN = 5000
AT_ONCE = 200
MOST_MEGABYTES = 200
MOST_RATIO = 2.0
WAIT_SECONDS = 60.0
WEST, SOUTH = 113.925, 22.525  # of a square in the middle of the demonstration city


@dataclass
class Streams:
    """The open streams of one process; ``watching`` are those of the work order that events are for."""

    port: int
    poll: select.epoll = field(default_factory=select.epoll)
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    watching: set[int] = field(default_factory=set)

    def open(self, secret: str, count: int, *, watching: bool = False) -> None:
        """Open streams of a report, some at once; return when each has begun."""
        for start in range(0, count, AT_ONCE):
            fresh = [self._connect(secret) for _ in range(min(AT_ONCE, count - start))]
            waiting = {each.fileno() for each in fresh}
            self.sockets.update({each.fileno(): each for each in fresh})
            if watching:
                self.watching |= waiting
            ends = time.monotonic() + WAIT_SECONDS
            heads = dict.fromkeys(waiting, b"")
            while waiting and time.monotonic() < ends:
                for number, data in self._arrived():
                    heads[number] = heads.get(number, b"") + data
                    if b"retry: " in heads[number]:
                        waiting.discard(number)
            if waiting:
                message = f"{len(waiting)} streams did not begin: {heads[waiting.pop()][:200]!r}"
                raise TimeoutError(message)

    def _connect(self, secret: str) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS)
        # What a browser sends, cookies left out.
        lines = (
            f"GET /api/v1/track/{secret}/events HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Connection: keep-alive",
            "Accept: text/event-stream",
            "Cache-Control: no-cache",
            "Origin: http://127.0.0.1",
            "User-Agent: Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile",
            "Accept-Encoding: gzip, deflate, br",
            "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8",
        )
        made.sendall("\r\n".join([*lines, "", ""]).encode())
        made.setblocking(False)  # noqa: FBT003  # positional by its nature
        self.poll.register(made, select.EPOLLIN)
        return made

    def _arrived(self) -> Iterator[tuple[int, bytes]]:
        for number, _ in self.poll.poll(0.05, 256):
            data = self.sockets[number].recv(65536)
            if not data:
                message = "a stream was closed"
                raise ConnectionError(message)
            yield number, data

    def quiet(self) -> None:
        """Read what is there, pings for the most."""
        for _ in range(20):
            if not list(self._arrived()):
                return

    def receive(self, mark: bytes, began: float) -> list[float]:
        """Wait until everybody who watches has the event with a mark; give the milliseconds each took."""
        took: dict[int, float] = {}
        held: dict[int, bytes] = {}
        ends = time.monotonic() + WAIT_SECONDS
        while len(took) < len(self.watching):
            for number, _ in self.poll.poll(1, 256):
                now = time.perf_counter()
                held[number] = held.get(number, b"") + self.sockets[number].recv(65536)
                if number not in took and mark in held[number]:
                    took[number] = 1000 * (now - began)
            if time.monotonic() > ends:
                message = f"{len(self.watching) - len(took)} streams did not get the event"
                raise TimeoutError(message)
        if took.keys() != self.watching:
            message = "an event reached a stream that it was not for"
            raise AssertionError(message)
        return sorted(took.values())

    def close(self) -> None:
        """Close all."""
        for each in self.sockets.values():
            each.close()
        self.poll.close()


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in megabytes (2**20 bytes)."""

    rss: float
    pss: float

    @classmethod
    def of(cls, pid: int) -> Memory:
        """Ask the kernel."""
        lines = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:] if ":" in line
        )
        return cls(*(int(lines[name].split()[0]) / 1024 for name in ("Rss", "Pss")))


@contextmanager
def process(settings: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the live stream."""
    command = [sys.executable, "-m", "app.live", "--port", str(port)]
    made = subprocess.Popen(command, cwd=ROOT, env=environment.whole(settings))
    try:
        ends = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < ends:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                    probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if b'"listens": true' in probe.recv(4096) + probe.recv(4096):
                        break
            except OSError:
                time.sleep(0.1)
        yield made
    finally:
        made.terminate()
        made.wait(20)


def file_reports(count: int) -> list[tuple[UUID, str]]:
    """File reports far from each other; give their work orders and the secrets of their links."""
    found: dict[UUID, str] = {}
    for number in range(2 * count):
        lon, lat = WEST + 0.003 * (number % 14), SOUTH + 0.003 * (number // 14)
        with suppress(OutsideCity), Session.begin() as session:
            new = NewReport(lon=lon, lat=lat, item="B0121", language="zh", description=f"{number}")
            shown = show(session, file_report(session, new, now=utcnow()).report)
            found[shown.work_order.id] = shown.tracking_url.rsplit("/", 1)[1]
    return list(found.items())[:count]


def tell(work_order_id: UUID, mark: str) -> float:
    """Append a note; give the moment before its commit."""
    with Session.begin() as session:
        work_order = session.get_one(WorkOrder, work_order_id, with_for_update=True)
        append(session, work_order, EventKind.NOTE, at=utcnow(), by=SYSTEM.signature, content={"note": mark})
        session.flush()
        return time.perf_counter()


def measure(sides: Sequence[tuple[Streams, UUID]], rounds: int) -> list[list[list[float]]]:
    """Give for each side and round the milliseconds of each stream."""
    found: list[list[list[float]]] = [[] for _ in sides]
    for turn in range(rounds + 2):
        order = range(len(sides)) if turn % 2 else reversed(range(len(sides)))
        for side in order:
            for streams, _ in sides:
                streams.quiet()
            streams, work_order_id = sides[side]
            mark = f"mark-{turn}-{side}-"
            took = streams.receive(mark.encode(), tell(work_order_id, mark))
            if turn > 1:  # the first two are warming up
                found[side].append(took)
    return found


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bench(cluster: Cluster, rounds: int) -> str:
    """Measure on a cluster that is made for it and destroyed after; give the page."""
    load = os.getloadavg()[0]
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        cluster.destroy()
        ending.callback(cluster.destroy)
        cluster.start()
        make_ground(cluster, city_folder(os.environ), 20, folder, say)
        limits = {"LIVE_STREAMS_PER_ADDRESS": "0", "LOG_LEVEL": "WARNING"}
        settings = {**settings_for(cluster, GROUND, folder), **limits}
        engine = open_process(Settings.from_environment(settings))
        ending.callback(engine.dispose)
        reports = file_reports(OPEN // WATCHING + 1)
        say(f"opening {WATCHING} and {OPEN:,} streams")
        sides, pids = [], []
        for (work_order_id, secret), others in ((reports[0], ()), (reports[1], reports[2:])):
            port = free_port()
            pids.append(ending.enter_context(process(settings, port)).pid)
            streams = Streams(port)
            ending.callback(streams.close)
            streams.open(secret, WATCHING, watching=True)
            for _, other in others:
                streams.open(other, WATCHING)
            sides.append((streams, work_order_id))
        before = [Memory.of(pid) for pid in pids]
        say(f"{rounds} rounds")
        found = measure(sides, rounds)
        say("a quarter of a minute, for the pings")
        ends = time.monotonic() + PING_SECONDS + 2
        while time.monotonic() < ends:
            for streams, _ in sides:
                streams.quiet()
        after = [Memory.of(pid) for pid in pids]
        described = machine(cluster, GROUND, load)
        counts = [len(streams.sockets) for streams, _ in sides]
    return "\n".join(_page(counts, before, after, found, described)) + "\n"


def _page(
    counts: Sequence[int],
    before: Sequence[Memory],
    after: Sequence[Memory],
    found: Sequence[Sequence[Sequence[float]]],
    described: Sequence[str],
) -> Iterator[str]:
    last = [[took[-1] for took in side] for side in found]
    middle = [[percentile(took, 0.5) for took in side] for side in found]
    ratio, most = quotients(last[1], last[0]), max(before[1].rss, after[1].rss)
    verdicts = ["held" if held else "NOT held" for held in (most < MOST_MEGABYTES, ratio.median <= MOST_RATIO)]
    yield from ("# Performance of the live stream", "")
    yield from (f"Written by `make bench BENCH=live` on {utcnow().date().isoformat()}; do not edit.", "")
    yield (
        f"With {counts[1]:,} open streams the process has {figures(most)} MB resident (at most {MOST_MEGABYTES} are "
        f"allowed: {verdicts[0]}). An event for {WATCHING} of {counts[1]:,} has reached the last of them in "
        f"{figures(ratio.median)} times the time that it takes with {counts[0]} open in all (at most "
        f"{figures(MOST_RATIO)}: {verdicts[1]})."
    )
    yield ""
    yield "| open | resident MB at first | after the rounds | proportional MB | median of 50, ms | last of 50, ms |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for side, count in enumerate(counts):
        sizes = (before[side].rss, after[side].rss, after[side].pss)
        times = (Spread.of(middle[side]), Spread.of(last[side]))
        yield f"| {count:,} | {' | '.join(map(figures, sizes))} | {' | '.join(map(str, times))} |"
    shares = f"{quotients(middle[1], middle[0])} for the median stream, {ratio} for the last one"
    yield from ("", f"Quotients within a round, median (least..greatest) of {len(found[0])} rounds: {shares}.", "")
    yield from ("## How it was measured", "", " ".join(str(__doc__).split("\n\n", 1)[1].split()), "")
    yield from ("## Machine", "", *(f"- {line}" for line in described))


def main(words: Sequence[str] = ()) -> int:
    """Measure, and write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance-live.md")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args(words)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    arguments.page.write_text(bench(Cluster(VAR / "bench-live-pg"), arguments.rounds), encoding="utf-8")
    say(f"{arguments.page.name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
