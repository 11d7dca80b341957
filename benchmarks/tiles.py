"""Tiles of the public map beside bare ``ST_AsMVT`` over the same points, and beside tipg where that can be installed.

``python -m benchmarks.tiles`` writes docs/performance-map.md. A database of its own; the work orders are
drawn as those of the other measurements, a third of them open. Every round asks for the same tiles of each zoom, ours
and the others one after the other, the next round the other way round. The bare statement has all that it can be
given: the points are in the projection of the tiles already, with an index, and it writes three properties of each.
Where it is asked for several sizes (``--sizes 1000000 10000000``, or ``BENCH=map-large``), each has a database, and our
tiles are drawn from the larger ones too, in the same rounds; the others would take minutes a tile there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psycopg
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.catalogue.city import current_city
from app.db import Reading, utcnow
from app.publicmap import tiles
from app.publicmap.answers import packed
from app.publicmap.filters import Wanted
from app.publicmap.grid import Period, Shown, Tile
from app.publicmap.service import rebuild
from benchmarks.ground import read_city
from benchmarks.machine import machine
from benchmarks.points import fill, make_city
from benchmarks.statistics import Spread, figures, percentile, quotients
from dev.cluster import SUPERUSER, Cluster
from dev.console import Refusal, say
from dev.places import ROOT, VAR

ZOOMS = (8, 10, 12, 13, 14, 15, 16)
TILES = 12  # of each zoom, drawn by where the work orders are
BARE_MOST = 4  # of the slow ones fewer: each takes seconds
ROUNDS = 3
SLOW_ZOOM = 12
OURS, BARE, TIPG = "ours", "bare ST_AsMVT", "tipg"
LARGE = (1_000_000, 10_000_000)
TIPG_FOLDER = VAR / "bench-tipg"
TIPG_PATIENCE_S = 30
FILTERS = {
    "no filter": Wanted(),
    "all time": Wanted(period=Period.ALL),
    "open only": Wanted(states=(Shown.OPEN,)),
    "an item": Wanted(items=("B0121",)),
    "a class": Wanted(classes=("public-utilities",)),
    "a class and an item": Wanted(classes=("public-utilities",), items=("B0121",)),
}

Draw = Callable[[Tile], bytes]
_BARE = text("""
    SELECT ST_AsMVT(layer, 'points', 4096, 'geom') FROM (
        SELECT ST_AsMVTGeom(geom, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom, public_id, item, state
        FROM map_points WHERE geom && ST_TileEnvelope(:z, :x, :y)
    ) layer
""")
# Two years of work orders: a third open, a tenth fixed, the rest closed; most are fixed within days.
_FILL = """
INSERT INTO work_orders (id, public_id, item_id, item_code, urgency, sensitive, state, position, accuracy_m, street,
                         co_units, opened_at, updated_at, fixed_at, closed_at, rounds, reports, events, flags)
SELECT gen_random_uuid(), upper(left(md5(d.n::text || 'map'), 10)), i.id, i.code, i.urgency, i.sensitive,
       CASE WHEN n % 10 < 3 THEN 'in_progress' WHEN n % 10 = 3 THEN 'fixed' ELSE 'closed' END,
       ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography, 10, street, '[]', at, at,
       CASE WHEN n % 10 >= 3 THEN least(now(), at + later) END, CASE WHEN n % 10 > 3 THEN least(now(), at + later) END,
       0, 1, 1, '[]'
FROM drawn d JOIN items i ON i.code = d.item AND i.until IS NULL
CROSS JOIN LATERAL (SELECT now() - random() * interval '730 days' AS at, -ln(random()) * interval '4 days' AS later) t
ON CONFLICT (public_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Took:
    """By who drew it and zoom: a list of milliseconds a round; and packed bytes of each tile."""

    times: dict[tuple[str, int], list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    bytes: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def faster(self, other: str, zoom: int) -> Spread:
        """Divide the median of another by ours, round by round, over the tiles that both drew."""
        theirs = self.times[other, zoom]
        ours = [each[: len(their)] for each, their in zip(self.times[OURS, zoom], theirs, strict=True)]
        return quotients([percentile(each, 0.5) for each in theirs], [percentile(each, 0.5) for each in ours])


def make_map(cluster: Cluster, database: str, size: int, folder: Path, tell: Callable[[str], None]) -> Engine:
    """Make a database with a city and a map of ``size`` work orders; give an engine of the application's role."""
    known = make_city(cluster, database, folder, tell)
    chance = np.random.default_rng(5)
    owner = cluster.url(database, SUPERUSER).replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        fill(connection, size, read_city(known.database_url, chance), chance, statement=_FILL)
    engine = create_engine(known.database_url)
    began = time.perf_counter()
    with Session(engine) as session, session.begin():
        count = rebuild(session, now=utcnow())
    tell(f"map of {count:,} work orders made anew in {time.perf_counter() - began:.0f} s")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return engine


def choose(engine: Engine, zoom: int, count: int) -> list[Tile]:
    """Choose tiles of a zoom, more likely where there are many work orders; the fullest one is the first."""
    statement = text("""
        SELECT x >> (20 - CAST(:zoom AS int)) AS x, y >> (20 - CAST(:zoom AS int)) AS y, count(*) FROM map_points
        GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2
    """)
    with Session(engine) as session:
        rows = session.execute(statement, {"zoom": zoom}).all()
    counts = np.array([row[2] for row in rows], dtype=float)
    most = min(count, len(rows))
    drawn = np.random.default_rng(zoom).choice(len(rows), most, replace=False, p=counts / counts.sum())
    places = [0, *(int(place) for place in drawn if place)][:most]
    return [Tile(zoom, rows[place].x, rows[place].y) for place in places]


def draw_ours(engine: Engine, wanted: Wanted) -> Draw:
    """Give what draws our tiles, packed, over one connection."""
    session = Reading(bind=engine.execution_options(isolation_level="AUTOCOMMIT"))
    city = current_city(session)
    return lambda tile: packed(tiles.draw(session, tile, wanted, city=city))


def draw_bare(engine: Engine) -> Draw:
    """Give what draws tiles of the bare statement, packed, over one connection."""
    session = Reading(bind=engine.execution_options(isolation_level="AUTOCOMMIT"))
    return lambda tile: packed(bytes(session.scalar(_BARE, {"z": tile.z, "x": tile.x, "y": tile.y}) or b""))


def measure(drawers: dict[str, Draw], chosen: dict[int, list[Tile]], rounds: int, tell: Callable[[str], None]) -> Took:
    """Draw the tiles in interleaved rounds."""
    took = Took()
    for draw in drawers.values():
        for each in chosen.values():
            draw(each[0])  # what a connection does once only
    for turn in range(1, rounds + 1):
        for zoom, asked in chosen.items():
            for who in list(drawers)[:: -1 if turn % 2 == 0 else 1]:
                slow = who in {BARE, TIPG} and zoom <= SLOW_ZOOM
                made = [_timed(drawers[who], tile) for tile in asked[: BARE_MOST if slow else None]]
                took.times[who, zoom].append([milliseconds for milliseconds, _ in made])
                took.bytes[who, zoom] = [size for _, size in made]
        tell(f"round {turn} of {rounds}")
    return took


def _timed(draw: Draw, tile: Tile) -> tuple[float, int]:
    began = time.perf_counter()
    drawn = draw(tile)
    return (time.perf_counter() - began) * 1000, len(drawn)


@contextmanager
def tipg(url: str, tell: Callable[[str], None]) -> Iterator[Draw | None]:
    """Run tipg in an environment of its own; None where it cannot be installed or does not answer."""
    if not _install(TIPG_FOLDER):
        tell("tipg cannot be installed here: measured without it")
        yield None
        return
    port = _free_port()
    given = {
        "DATABASE_URL": _for_tipg(url),
        "TIPG_MAX_FEATURES_PER_TILE": "100000000",
        "TIPG_DB_SCHEMAS": '["public"]',
        "TIPG_DB_TABLES": '["public.map_points"]',
        "PATH": os.environ["PATH"],
    }
    command = [TIPG_FOLDER / "bin" / "python", "-m", "uvicorn", "tipg.main:app", "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*map(str, command)], env=given, stdout=quiet, stderr=quiet) as server:
        try:
            yield _tipg_draw(port, tell)
        finally:
            server.send_signal(signal.SIGINT)


def _for_tipg(url: str) -> str:
    """Write the address of a database as tipg takes it: the folder of the socket in place of the host."""
    known = make_url(url)
    host = quote(str(known.query.get("host", known.host)), safe="")
    return f"postgresql://{known.username}@{host}/{known.database}"


def _install(folder: Path) -> bool:
    if (folder / "bin" / "uvicorn").exists():
        return True
    commands = ([sys.executable, "-m", "venv", folder], [folder / "bin" / "pip", "install", "-q", "tipg", "uvicorn"])
    try:
        return all(subprocess.run([*map(str, each)], check=False, timeout=300).returncode == 0 for each in commands)
    except (OSError, subprocess.TimeoutExpired):
        return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _tipg_draw(port: int, tell: Callable[[str], None]) -> Draw | None:
    base = f"http://127.0.0.1:{port}/collections/public.map_points"

    def draw(tile: Tile) -> bytes:
        address = f"{base}/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}?properties=public_id,item,state"
        with urllib.request.urlopen(address, timeout=120) as answer:  # noqa: S310  # our own loopback
            return packed(bytes(answer.read()))

    until = time.monotonic() + TIPG_PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, json.JSONDecodeError):
            with urllib.request.urlopen(base, timeout=5) as answer:  # our own loopback
                json.load(answer)
            return draw
        time.sleep(0.3)
    tell("tipg does not answer: measured without it")
    return None


def write_table(took: Took, others: Sequence[str]) -> str:
    """Write the figures as a table, a row a zoom."""
    heads = ["zoom", "ours p50 ms", "p95", "KB gzip, largest"]
    heads += [f"{other} {what}" for other in others for what in ("p50 ms", "p95", "/ ours (least..greatest)")]
    rows = [heads, ["--:"] * len(heads)]
    for zoom in _zooms(took):
        row = [str(zoom), *_percentiles(took.times[OURS, zoom]), _largest(took, OURS, zoom)]
        for other in others:
            row += [*_percentiles(took.times[other, zoom]), str(took.faster(other, zoom))]
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_sizes(took: Took, larger: Sequence[str]) -> str:
    """Write how larger sizes do beside the first, a row a zoom."""
    heads = ["zoom"]
    for size in larger:
        heads += [f"{size}: p50 ms", "p95", "KB gzip, largest", f"{size} / the first (least..greatest)"]
    rows = [heads, ["--:"] * len(heads)]
    for zoom in _zooms(took):
        row = [str(zoom)]
        for size in larger:
            row += [*_percentiles(took.times[size, zoom]), _largest(took, size, zoom), str(took.faster(size, zoom))]
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _zooms(took: Took) -> list[int]:
    return [zoom for who, zoom in took.bytes if who == OURS]


def _largest(took: Took, who: str, zoom: int) -> str:
    return figures(max(took.bytes[who, zoom]) / 1024)


def _percentiles(rounds: Sequence[Sequence[float]]) -> tuple[str, str]:
    every = [value for each in rounds for value in each]
    return figures(percentile(every, 0.5)), figures(percentile(every, 0.95))


def write_filters(engine: Engine, chosen: dict[int, list[Tile]]) -> str:
    """Write how long our tiles take with each filter: the median and the slowest, in milliseconds."""
    rows = [["filter", *(f"z{zoom}" for zoom in chosen)], ["--"] * (len(chosen) + 1)]
    for name, wanted in FILTERS.items():
        draw = draw_ours(engine, wanted)
        took = [[_timed(draw, tile)[0] for tile in each] for each in chosen.values()]
        rows.append([name, *(f"{figures(percentile(each, 0.5))} ({figures(max(each))})" for each in took)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _page(size: int, tables: Sequence[str], described: Sequence[str]) -> Iterator[str]:
    yield from ("# Performance of the map", "")
    today = utcnow().date().isoformat()
    yield from (f"Written by `make bench BENCH=map` (larger sizes: `BENCH=map-large`) on {today}; do not edit.", "")
    yield f"{size:,} work orders, a third of them open."
    for table in tables:
        yield from ("", table.strip())
    yield from ("", "## How it was measured", "", " ".join(str(__doc__).split("\n\n", 1)[1].split()), "")
    yield from ("## Machine", "", *(f"- {line}" for line in described))


def _database(size: int) -> str:
    return f"ssp_bench_tiles_{size}"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, and write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiles", description="Measure the tiles of the map.")
    parser.add_argument("--sizes", type=int, nargs="+", default=LARGE[:1], help="work orders")
    parser.add_argument(
        "--cluster", type=Path, default=VAR / "bench-tiles-pg", help="a folder; what is in it is deleted"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance-map.md")
    arguments = parser.parse_args(words)
    load = os.getloadavg()[0]
    cluster = Cluster(arguments.cluster)
    try:
        with ExitStack() as ending:
            folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
            cluster.destroy()
            ending.callback(cluster.destroy)
            cluster.start()
            engines = {}
            for size in sorted(arguments.sizes):
                engines[size] = make_map(cluster, _database(size), size, folder, say)
                ending.callback(engines[size].dispose)
            first, *more = engines
            engine, larger = engines[first], [f"{size:,}" for size in more]
            chosen = {zoom: choose(engine, zoom, TILES) for zoom in ZOOMS}
            drawers = {OURS: draw_ours(engine, Wanted()), BARE: draw_bare(engine)}
            drawers |= {f"{size:,}": draw_ours(engines[size], Wanted()) for size in more}
            theirs = ending.enter_context(tipg(str(engine.url.render_as_string(hide_password=False)), say))
            if theirs:
                drawers[TIPG] = theirs
            took = measure(drawers, chosen, arguments.rounds, say)
            tables = [write_table(took, [who for who in drawers if who in {BARE, TIPG}])]
            tables += [write_sizes(took, larger)] if larger else []
            tables.append(write_filters(engine, chosen))
            described = machine(cluster, _database(first), load)
            arguments.page.write_text("\n".join(_page(first, tables, described)) + "\n", encoding="utf-8")
            say(f"{arguments.page.name} is written.")
    except Refusal as refusal:
        say(str(refusal))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
