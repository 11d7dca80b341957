"""``python -m benchmarks.slow``: how the server answers while slow clients crowd it, without a proxy in front.

The server of the Procfile over a database of its own. In each round four clients ask, one request after the other, for
``/healthz``, for ``/`` and to file a report with a photo: once with nobody else there, and once beside 200 uploads that
bring a byte a second and 500 connections that are kept open for nothing; every other round begins with the crowd.
Whoever of the crowd is turned away comes back at once. The clients share the cores with server and database.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path

import psutil
from PIL import Image

from app.db import utcnow
from app.server.limits import Limits
from benchmarks.crowd import Crowd
from benchmarks.ground import GROUND, city_folder, make_ground, settings_for
from benchmarks.live import Memory
from benchmarks.machine import machine
from benchmarks.statistics import Latencies, figures
from benchmarks.web import Request, Server
from dev.cluster import Cluster
from dev.console import say
from dev.places import ROOT, VAR

DRIPPING, IDLE = 200, 500
CLIENTS = 4
ASKED = {"/healthz": 400, "/": 80, "filing with a photo": 40}
MOST_MS = 2_000.0
WEST, SOUTH = 113.925, 22.525  # of a square in the middle of the demonstration city
_SCRAP = "bench-of-slow-clients"


@dataclass
class Results:
    """Milliseconds by whether the crowd was there and by what was asked; megabytes; how uploads of the crowd ended."""

    took: dict[tuple[bool, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    quiet_mb: float = 0.0
    crowded_mb: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)


def make_photo() -> bytes:
    """Make a JPEG of about a megabyte, as a phone sends it when it shrinks it."""
    with tempfile.TemporaryFile() as file:
        Image.effect_noise((1600, 1200), 60).convert("RGB").save(file, "JPEG", quality=80)
        file.seek(0)
        return file.read()


def requests_of(kind: str, photo: bytes, numbers: Iterator[int]) -> list[Request]:
    """Write the requests of one round."""
    if kind.startswith("/"):
        return [Request("GET", kind)] * ASKED[kind]
    return [_filing(photo, next(numbers)) for _ in range(ASKED[kind])]


def _filing(photo: bytes, number: int) -> Request:
    fields = {"lon": WEST + 0.0005 * (number % 60), "lat": SOUTH + 0.0005 * (number // 60 % 60), "item": "B0121"}
    parts = [
        f'--{_SCRAP}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{_SCRAP}\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n'
    body = b"".join(
        [*parts, head.encode(), b"Content-Type: image/jpeg\r\n\r\n", photo, f"\r\n--{_SCRAP}--\r\n".encode()]
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={_SCRAP}", "Idempotency-Key": str(uuid.uuid4())}
    return Request("POST", "/api/v1/reports", body, headers)


def measure(server: Server, rounds: int, tell: Callable[[str], None]) -> Results:
    """Measure, both ways in each round."""
    results, photo, numbers = Results(), make_photo(), count()
    for kind in ASKED:  # what every process does once only
        _ask(server, kind, photo, numbers)
    for turn in range(rounds):
        for crowded in (False, True) if turn % 2 == 0 else (True, False):
            with Crowd(server.port, DRIPPING, IDLE) if crowded else nullcontext() as crowd:
                for kind in ASKED:
                    results.took[crowded, kind] += _ask(server, kind, photo, numbers)
                _weigh(server, results, crowded=crowded)
                if crowd is not None and turn == rounds - 1 - (rounds % 2 == 0):
                    crowd.wait_for_ends(DRIPPING, 3 * Limits(body_bytes=0).window_s)
            if crowd is not None:
                results.ended += crowd.ended
        tell(f"round {turn + 1} of {rounds}")
    return results


def _ask(server: Server, kind: str, photo: bytes, numbers: Iterator[int]) -> list[float]:
    expected = HTTPStatus.OK if kind.startswith("/") else HTTPStatus.CREATED
    answers = server.measure(requests_of(kind, photo, numbers), clients=CLIENTS, seconds=120.0, expected=expected)
    return [answer.milliseconds for answer in answers]


def _weigh(server: Server, results: Results, *, crowded: bool) -> None:
    """Note the proportional memory of all processes of the server, decoders too."""
    main = psutil.Process(server.pid)
    total = sum(Memory.of(each.pid).pss for each in (main, *main.children(recursive=True)))
    if crowded:
        results.crowded_mb = max(results.crowded_mb, total)
    else:
        results.quiet_mb = max(results.quiet_mb, total)


def bench(cluster: Cluster, rounds: int) -> str:
    """Measure on a cluster that is made for it and destroyed after; give the page."""
    load = os.getloadavg()[0]
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        cluster.destroy()
        ending.callback(cluster.destroy)
        cluster.start()
        make_ground(cluster, city_folder(os.environ), 20, folder, say)
        server = Server({**settings_for(cluster, GROUND, folder), "LOG_LEVEL": "WARNING"})
        ending.callback(server.stop)
        server.wait()
        results = measure(server, rounds, say)
        described = machine(cluster, GROUND, load)
    return "\n".join(write_page(results, rounds, described)) + "\n"


def write_page(results: Results, rounds: int, described: Sequence[str]) -> Iterator[str]:
    """Write the page."""
    found: Mapping[tuple[bool, str], Latencies] = {key: Latencies.of(took) for key, took in results.took.items()}
    worst = max(found[True, kind].p99 for kind in ASKED)
    held = "held" if worst < MOST_MS else "NOT held"
    yield from ("# Performance beside slow clients", "")
    yield from (f"Written by `make bench BENCH=slow` on {utcnow().date().isoformat()}; do not edit.", "")
    yield (
        f"Beside {DRIPPING} uploads that bring a byte a second and {IDLE} idle connections the slowest of a hundred "
        f"answers takes {figures(worst)} ms (at most {figures(MOST_MS)} are allowed: {held})."
    )
    yield from ("", "| asked | answers | alone p50, ms | alone p99 | beside the crowd p50 | p99 |")
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for kind in ASKED:
        alone, beside = found[False, kind], found[True, kind]
        cells = (figures(alone.p50), figures(alone.p99), figures(beside.p50), figures(beside.p99))
        yield f"| {kind} | {alone.count + beside.count:,} | {' | '.join(cells)} |"
    ends = ", ".join(f"{number:,} with {status}" for status, number in sorted(results.ended.items())) or "none"
    yield ""
    yield (
        f"Memory of the server, all its processes: {figures(results.quiet_mb)} MB alone, {figures(results.crowded_mb)} "
        f"MB at most beside the crowd. Uploads of the crowd that the server ended: {ends}."
    )
    yield from ("", "## How it was measured", "", " ".join(str(__doc__).split("\n\n", 1)[1].split()))
    yield from (f"{rounds} rounds.", "", "## Machine", "", *(f"- {line}" for line in described))


def main(words: Sequence[str] = ()) -> int:
    """Measure, and write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance-slow.md")
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args(words)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    arguments.page.write_text(bench(Cluster(VAR / "bench-slow-pg"), arguments.rounds), encoding="utf-8")
    say(f"{arguments.page.name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
