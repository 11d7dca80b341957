"""``similar`` among how many open work orders, beside the query that peers use on the same rows.

``python -m benchmarks.similar`` writes docs/performance-similar.md. A database for each size. The peers' query is a box
on radians(latitude) and radians(longitude) with the distance by arc cosine, nearest first; it is asked as they have it,
and with an index on the two expressions, which they do not have. Every round asks for the same places in each database,
each way one after the other, the next round the other way round.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from app.catalogue.city import current_city
from app.db import Reading, utcnow
from app.reports.queries import find_similar
from app.reports.suggesting import Question
from benchmarks.draws import City, Draw
from benchmarks.ground import read_city
from benchmarks.machine import machine
from benchmarks.plans import Plan, explain_call
from benchmarks.points import fill, make_city
from benchmarks.record import Recorder
from benchmarks.statistics import Spread, figures, percentile, quotients
from dev.cluster import SUPERUSER, Cluster
from dev.console import say
from dev.places import ROOT, VAR

SIZES = (100_000, 1_000_000)
LARGE = (*SIZES, 10_000_000)
ROUNDS = 5
ASKED = 300
PEER_ASKED = 12  # of the slow one fewer: each reads the whole table
OURS, PEER, PEER_INDEXED = "similar", "peers", "peers, with an index"
EARTH_M = 6_371_008.8
_FILL = """
INSERT INTO work_orders (id, public_id, item_id, item_code, urgency, sensitive, state, position, accuracy_m, street,
                         co_units, opened_at, updated_at, rounds, reports, events, flags)
SELECT gen_random_uuid(), upper(left(md5(d.n::text || 'similar'), 12)), i.id, i.code, i.urgency, i.sensitive,
       'in_progress', ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography, 10, street, '[]', at, at, 0, 1, 1, '[]'
FROM drawn d JOIN items i ON i.code = d.item AND i.until IS NULL
CROSS JOIN LATERAL (SELECT now() - random() * interval '59 days' AS at) t
ON CONFLICT (public_id) DO NOTHING
"""
_PEERS = """
CREATE TABLE peers AS
SELECT public_id, item_code, state, opened_at,
       ST_Y(position::geometry) AS latitude, ST_X(position::geometry) AS longitude
FROM work_orders;
CREATE TABLE peers_indexed AS SELECT * FROM peers;
CREATE INDEX ON peers_indexed (radians(latitude), radians(longitude));
GRANT SELECT ON peers, peers_indexed TO PUBLIC;
"""
_BOX = """
SELECT public_id, {earth} * acos(least(1, sin(:lat) * sin(radians(latitude))
       + cos(:lat) * cos(radians(latitude)) * cos(radians(longitude) - :lon))) AS distance
FROM {table}
WHERE state NOT IN ('closed', 'declined') AND radians(latitude) BETWEEN :lat - :tall AND :lat + :tall
  AND radians(longitude) BETWEEN :lon - :wide AND :lon + :wide
ORDER BY distance LIMIT 3
"""

_ABOUT = """Written by `make bench BENCH=similar`. What a new report may be the same as, among open work orders of the
real Shenzhen, beside the query of peers (a box on radians with the arc cosine) on the same rows. Ours is the whole call
of the route: session, asset, statement, model, pictures and streets of what is found; theirs the statement alone,
without a model."""

Ask = Callable[[Draw], object]


@dataclass(frozen=True, slots=True)
class Site:
    """A database of one size with the three ways to ask it."""

    size: int
    database: str
    url: str
    engine: Engine
    ways: Mapping[str, Ask]


def make_site(cluster: Cluster, size: int, folder: Path) -> Site:
    """Make a database with so many open work orders, and the table of the peers beside them."""
    database = f"ssp_bench_similar_{size}"
    settings = make_city(cluster, database, folder, say)
    chance = np.random.default_rng(7)
    owner = cluster.url(database, SUPERUSER)
    with psycopg.connect(owner.replace("+psycopg", "", 1), autocommit=True) as connection:
        say(f"{size:,} open work orders")
        fill(connection, size, read_city(settings.database_url, chance), chance, statement=_FILL)
        connection.execute(_PEERS)
        connection.execute("VACUUM (ANALYZE)")
    engine = create_engine(settings.database_url)
    ways = {
        OURS: ask_ours(engine),
        PEER: ask_peers(engine, "peers"),
        PEER_INDEXED: ask_peers(engine, "peers_indexed"),
    }
    return Site(size, database, owner, engine, ways)


def ask_ours(engine: Engine) -> Ask:
    """Give what asks as the route does: a session of its own, the model, the pictures and streets of what is found."""
    with Reading(bind=engine) as session:
        city = current_city(session)

    def ask(draw: Draw) -> object:
        with Reading(bind=engine) as session:
            question = Question(point=draw.point, item=draw.item, accuracy_m=draw.accuracy_m)
            return find_similar(session, question, city=city, now=utcnow())

    return ask


def ask_peers(engine: Engine, table: str, radius_m: float = 200.0) -> Ask:
    """Give what asks the peers' query over one connection of its own a call."""
    statement = text(_BOX.format(earth=EARTH_M, table=table))

    def ask(draw: Draw) -> object:
        lat, tall = math.radians(draw.point.lat), radius_m / EARTH_M
        values = {"lat": lat, "lon": math.radians(draw.point.lon), "tall": tall, "wide": tall / math.cos(lat)}
        with Reading(bind=engine) as session:
            return session.execute(statement, values).all()

    return ask


def draw(engine: Engine, count: int) -> list[Draw]:
    """Draw places and items that can have similar ones."""
    chance = np.random.default_rng(3)
    with Reading(bind=engine) as session:
        return City.read(session, chance).ask(count, chance)


Times = dict[tuple[int, str], list[list[float]]]


def measure(sites: Sequence[Site], asked: Sequence[Draw], rounds: int) -> Times:
    """Ask in interleaved rounds; give milliseconds by size and way, a list a round."""
    times: Times = defaultdict(list)
    turns = [(site, way) for site in sites for way in site.ways]
    for site, way in turns:
        site.ways[way](asked[0])
    for number in range(rounds):
        for site, way in turns if number % 2 == 0 else turns[::-1]:
            times[site.size, way].append([_timed(site.ways[way], one) for one in asked[: _most(way)]])
        say(f"round {number + 1} of {rounds}")
    return times


def _most(way: str) -> int | None:
    return PEER_ASKED if way == PEER else None


def _timed(ask: Ask, one: Draw) -> float:
    began = time.perf_counter()
    ask(one)
    return (time.perf_counter() - began) * 1000


def slower(times: Times, one: tuple[int, str], other: tuple[int, str]) -> Spread:
    """Divide the medians of two round by round, over the places that both were asked for."""
    above, below = times[one], times[other]
    most = min(len(above[0]), len(below[0]))
    return quotients([percentile(each[:most], 0.5) for each in above], [percentile(each[:most], 0.5) for each in below])


def plans_of(site: Site, asked: Sequence[Draw]) -> list[Plan]:
    """Explain the statements of one call."""
    recorder = Recorder.open(site.engine.url.render_as_string(hide_password=False))
    ask = ask_ours(recorder.engine)
    with recorder.recording() as statements:
        ask(next(one for one in asked if one.item is not None))
    recorder.engine.dispose()
    return explain_call(site.url, OURS, statements)


def page(sites: Sequence[Site], times: Times, described: Sequence[str], plans: Sequence[Plan]) -> str:
    """Write the page."""
    return "\n".join(_page(sites, times, described, plans)) + "\n"


def _page(sites: Sequence[Site], times: Times, described: Sequence[str], plans: Sequence[Plan]) -> Iterator[str]:
    rounds = len(next(iter(times.values())))
    yield "# Performance of `similar`"
    yield ""
    yield _ABOUT
    yield ""
    yield from (f"- {line}" for line in described)
    yield f"- {rounds} interleaved rounds, their median (least..greatest); milliseconds of one call"
    yield ""
    yield "| open | who | p50 | p95 | times ours |"
    yield "|---:|---|---:|---:|---:|"
    for site in sites:
        for way in site.ways:
            median = Spread.of([percentile(each, 0.5) for each in times[site.size, way]])
            high = Spread.of([percentile(each, 0.95) for each in times[site.size, way]])
            ratio = "" if way == OURS else str(slower(times, (site.size, way), (site.size, OURS)))
            yield f"| {site.size:,} | {way} | {median} | {figures(high.median)} | {ratio} |"
    yield ""
    for smaller, larger in pairwise(sites):
        more = slower(times, (larger.size, OURS), (smaller.size, OURS))
        yield f"- p50 of `similar` at {larger.size:,} is {more} times that at {smaller.size:,}."
    yield ""
    yield "## Plans at the largest size"
    for plan in plans:
        yield ""
        yield f"{plan.tables}:"
        yield ""
        yield "```"
        yield plan.text
        yield "```"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Measure similar.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance-similar.md")
    given = parser.parse_args(arguments)
    cluster, load = Cluster(VAR / "bench-similar-pg"), os.getloadavg()[0]
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        cluster.destroy()
        ending.callback(cluster.destroy)
        cluster.start()
        sites = [make_site(cluster, size, folder) for size in given.sizes]
        for site in sites:
            ending.callback(site.engine.dispose)
        asked = draw(sites[0].engine, ASKED)
        times = measure(sites, asked, given.rounds)
        described = machine(cluster, sites[-1].database, load)
        given.page.write_text(page(sites, times, described, plans_of(sites[-1], asked)), encoding="utf-8")
    say(f"{given.page.name} is written.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
