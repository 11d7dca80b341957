"""How many ask for the public map at once: without a cache, with the browser's, behind nginx, and beside plain files.

The web process of the Procfile over a map of its own, a third of its work orders open; nothing changes meanwhile.
`wrk` asks on sixteen connections of this machine, in one thread, always for the next address of a list: what thirty
sessions ask for, each of which looks at a work order from zoom 8 down to 16, six tiles a view (lists: the box of the
view). "Without a cache" asks plainly, "browser's cache" with the tag of what it has, "behind nginx" plainly through
docs/nginx.conf without TLS, which keeps an answer for the second that our header says and then asks again with its tag.
The floor is nginx that sends the same bytes as files. In each round all are measured one after the other, the next
round the other way round.
"""

from __future__ import annotations

import argparse
import http.client
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.db import utcnow
from app.publicmap.grid import FINEST, Tile
from benchmarks import nginx, wrk
from benchmarks.ground import settings_for
from benchmarks.machine import machine
from benchmarks.statistics import Spread, figures, percentile, quotients
from benchmarks.tiles import make_map
from benchmarks.web import HOST, Server
from dev.cluster import Cluster
from dev.console import Refusal, say
from dev.places import ROOT, VAR

DATABASE = "ssp_bench_mapload"
SIZE, ROUNDS, SECONDS = 1_000_000, 3, 10
SESSIONS, ZOOMS = 30, range(8, 17)
ACROSS, DOWN = 3, 2  # tiles of a view of 1280 x 800 pixels, 512 pixels each
PLAIN, TAGGED, PROXIED, FILES = "without a cache", "browser's cache", "behind nginx", "files of nginx"
MODES = (PLAIN, TAGGED, PROXIED, FILES)

Runs = dict[str, list[wrk.Load]]


@dataclass(frozen=True, slots=True)
class Asked:
    """An address, with the tag and the packed bytes of its answer."""

    path: str
    tag: str
    content: bytes


def views(places: Sequence[tuple[int, int]]) -> Iterator[list[Tile]]:
    """Walk the views of sessions: each looks at a place, given as a tile of the finest zoom, closer and closer."""
    for x, y in places:
        for zoom in ZOOMS:
            # The half tile towards which the place lies decides which neighbours are seen.
            wide, high = x >> (FINEST - zoom - 1), y >> (FINEST - zoom - 1)
            west, north = (wide >> 1) - 1, (high >> 1) - 1 + (high & 1)
            yield [Tile(zoom, west + east, north + south) for south in range(DOWN) for east in range(ACROSS)]


def box_of(view: Sequence[Tile]) -> str:
    """Give west, south, east and north of a view in degrees."""
    west, south = _degrees(view[0].z, min(tile.x for tile in view), max(tile.y for tile in view) + 1)
    east, north = _degrees(view[0].z, max(tile.x for tile in view) + 1, min(tile.y for tile in view))
    return f"{west:.6f},{south:.6f},{east:.6f},{north:.6f}"


def _degrees(zoom: int, x: int, y: int) -> tuple[float, float]:
    size = 1 << zoom
    return x / size * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / size))))


def addresses(places: Sequence[tuple[int, int]]) -> dict[str, list[str]]:
    """Give what the sessions ask for, in their order, by kind."""
    seen = list(views(places))
    tiles = [f"/tiles/{tile.z}/{tile.x}/{tile.y}.mvt" for view in seen for tile in view]
    lists = [f"/api/v1/public/work-orders?bbox={box_of(view)}" for view in seen]
    return {"tiles": tiles, "lists": lists}


def draw_places(engine: Engine, count: int) -> list[tuple[int, int]]:
    """Draw places where work orders are; their public ids are random, so the first ones of them will do."""
    statement = text("SELECT x, y FROM map_points ORDER BY public_id LIMIT :count")
    with Session(engine) as session:
        return [(row.x, row.y) for row in session.execute(statement, {"count": count})]


def fetch(port: int, paths: Sequence[str]) -> list[Asked]:
    """Ask for each address once; give what was answered, in the order of the addresses. Raises Refusal."""
    found: dict[str, Asked] = {}
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    for path in dict.fromkeys(paths):
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise Refusal(f"{path} answered {answer.status}: {content[:300]!r}")
        found[path] = Asked(path, str(answer.headers["ETag"]), content)
    connection.close()
    return [found[path] for path in paths]


def write_scripts(kind: str, asked: Sequence[Asked], folder: Path) -> dict[str, Path]:
    """Write the scripts of wrk, one a mode, and the answers as files for the floor."""
    names = {each.path: f"/{kind}-{number}" for number, each in enumerate(asked)}
    for each in asked:
        (folder / "files" / names[each.path][1:]).write_bytes(each.content)
    plain = [(each.path, "") for each in asked]
    lists = {
        PLAIN: plain,
        TAGGED: [(each.path, each.tag) for each in asked],
        PROXIED: plain,
        FILES: [(names[each.path], "") for each in asked],
    }
    scripts = {mode: folder / f"{kind}-{number}.lua" for number, mode in enumerate(lists)}
    for mode, script in scripts.items():
        script.write_text(wrk.write_script(lists[mode]), encoding="utf-8")
    return scripts


def measure(scripts: Mapping[str, Path], ports: Mapping[str, int], rounds: int, seconds: int) -> Runs:
    """Let wrk ask in interleaved rounds."""
    runs: Runs = {mode: [] for mode in MODES}
    for turn in range(rounds):
        for mode in MODES[:: -1 if turn % 2 else 1]:
            runs[mode].append(wrk.load(ports[mode], scripts[mode], seconds=seconds))
        say(f"  round {turn + 1}: {', '.join(f'{mode} {figures(runs[mode][-1].rate)}/s' for mode in MODES)}")
    return runs


def write_table(runs: Runs) -> Iterator[str]:
    """Write what was found as a table, a row a mode."""
    yield "| asked | answers a second | p50 ms | p99 ms | 200 | 304 | others | errors | : files |"
    yield f"| --- |{' ---: |' * 8}"
    for mode, found in runs.items():
        spreads = [Spread.of([getattr(each, name) for each in found]) for name in ("rate", "p50", "p99")]
        counts = [sum(getattr(each, name) for each in found) for name in ("ok", "same", "other", "errors")]
        share = quotients([each.rate for each in found], [each.rate for each in runs[FILES]])
        cells = [*map(str, spreads), *(f"{count:,}" for count in counts), str(share)]
        yield f"| {mode} | {' | '.join(cells)} |"


def conclude(found: Mapping[str, Runs]) -> str:
    """Say in a sentence what the numbers mean."""
    rates = {kind: {mode: Spread.of([each.rate for each in runs[mode]]).median for mode in MODES}
             for kind, runs in found.items()}  # fmt: skip
    failed = sum(each.other + each.errors for runs in found.values() for loads in runs.values() for each in loads)
    told = "; ".join(
        f"{kind} {figures(rate[PLAIN])} a second without a cache and {figures(rate[PROXIED])} behind nginx"
        for kind, rate in rates.items()
    )
    return f"This machine answers {told}. {f'{failed:,} requests' if failed else 'No request'} failed."


def write_page(
    size: int, found: Mapping[str, Runs], asked: Mapping[str, Sequence[Asked]], described: Sequence[str]
) -> str:
    """Write the page."""
    lines = ["# Performance of the map with many viewers", ""]
    lines += [f"Written by `make bench BENCH=mapload` on {utcnow().date().isoformat()}; do not edit.", ""]
    lines += [conclude(found), "", f"{size:,} work orders."]
    for kind, runs in found.items():
        sizes = sorted({each.path: len(each.content) / 1024 for each in asked[kind]}.values())
        lines += ["", f"## {kind.capitalize()}", "", *write_table(runs), ""]
        lines += [(f"{len(sizes):,} addresses; KB of an answer: median {figures(percentile(sizes, 0.5))}, "
                  f"most {figures(sizes[-1])}.")]  # fmt: skip
    lines += ["", "Median of the rounds (least..greatest); the last column divides by the files of the same round."]
    lines += ["", "## How it was measured", "", " ".join(str(__doc__).split("\n\n", 1)[1].split()), ""]
    lines += ["## Machine", "", *(f"- {line}" for line in described)]
    return "\n".join(lines) + "\n"


def bench(cluster: Cluster, arguments: argparse.Namespace, ending: ExitStack) -> str:
    """Measure on a cluster; give the page."""
    load = os.getloadavg()[0]
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
    engine = make_map(cluster, DATABASE, arguments.size, folder, say)
    ending.callback(engine.dispose)
    server = Server(settings_for(cluster, DATABASE, folder) | {"LOG_LEVEL": "WARNING"})
    ending.callback(server.stop)
    server.wait()
    cache, files = ending.enter_context(nginx.running(server.port, folder))
    ports = {PLAIN: server.port, TAGGED: server.port, PROXIED: cache, FILES: files}
    asked = {kind: fetch(server.port, paths) for kind, paths in addresses(draw_places(engine, SESSIONS)).items()}
    found: dict[str, Runs] = {}
    for kind, each in asked.items():
        say(f"{kind}: {len(each):,} requests in the list")
        scripts = write_scripts(kind, each, folder)
        found[kind] = measure(scripts, ports, arguments.rounds, arguments.seconds)
    return write_page(arguments.size, found, asked, machine(cluster, DATABASE, load))


def main(words: Sequence[str] | None = None) -> int:
    """Measure, and write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mapload", description="Measure the map under load.")
    parser.add_argument("--size", type=int, default=SIZE, help="work orders")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each run")
    parser.add_argument("--cluster", type=Path, default=VAR / "bench-mapload-pg", help="a folder; it is deleted")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance-map-load.md")
    arguments = parser.parse_args(words)
    cluster = Cluster(arguments.cluster)
    try:
        with ExitStack() as ending:
            cluster.destroy()
            ending.callback(cluster.destroy)
            cluster.start()
            arguments.page.write_text(bench(cluster, arguments, ending), encoding="utf-8")
    except Refusal as refusal:
        say(str(refusal))
        return 1
    say(f"{arguments.page.name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
