"""The whole of it: ground, sizes, rounds, page."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from flask import Flask

from app import create_app
from app.catalogue.city import City as Pack
from app.catalogue.city import current_city
from app.config import Settings
from app.db import Reading, connect, utcnow
from benchmarks.calls import Asked, Inside, prepare
from benchmarks.draws import City, Draw
from benchmarks.ground import GROUND, city_folder, make_ground, make_size, settings_for
from benchmarks.likeness import Looked, Photos, make_photos, measure_likeness
from benchmarks.lives import Lives
from benchmarks.machine import machine
from benchmarks.overdue import JOB, Clocks, make_clocks
from benchmarks.page import Findings, write_page
from benchmarks.plans import explain, explain_call
from benchmarks.recording import record
from benchmarks.renditions import Made, measure_renditions
from benchmarks.rounds import Results, run
from benchmarks.scale import TINY, Scale
from benchmarks.site import Site
from benchmarks.web import Server
from dev.cluster import Cluster
from dev.console import Refusal, say
from dev.places import shared_data

DRAWN = 1000
DATABASE = "ssp_bench_{}"
CLOCKS = "ssp_bench_clocks_{}"
PHOTOS = "ssp_bench_photos"


def bench(scale: Scale, cluster: Cluster) -> str:
    """Measure on a cluster that is made for it and destroyed after; give the page."""
    tell, machine_before = _timed(), os.getloadavg()[0]
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        cluster.destroy()
        ending.callback(cluster.destroy)
        tell(f"a cluster of PostgreSQL {cluster.server.version} with fsync")
        cluster.start()
        ending.enter_context(_explained(cluster))
        make_ground(cluster, city_folder(os.environ), scale.seeds, folder, tell)
        for size in scale.sizes:
            make_size(cluster, DATABASE.format(size), size, tell)
        for size in scale.clocks:
            tell(f"{size:,} clocks, {scale.breached:,} of them breached")
            make_clocks(cluster, CLOCKS.format(size), size, scale.breached, ground=GROUND)
        pictures = _pictures(cluster, scale, tell, ending)
        inputs = _draw(cluster, folder, scale)
        sites = [_site(cluster, size, inputs, folder=folder, scale=scale, ending=ending) for size in scale.sizes]
        _ready(sites, inputs, _app(cluster, folder, ending), scale, tell)
        clocks = [_clocks(cluster, size, inputs, folder=folder, scale=scale, ending=ending) for size in scale.clocks]
        results = run(sites, clocks, scale.rounds, tell)
        tell("plans")
        described = machine(cluster, sites[-1].database, machine_before)
        return write_page(_findings(sites, clocks, results, inputs.pack, machine=described, pictures=pictures))


@dataclass(frozen=True, slots=True)
class _Pictures:
    """What was measured of photos, by itself and before the rounds: it keeps both cores busy."""

    made: Made
    photos: Photos
    looked: dict[str, Looked]


def _pictures(cluster: Cluster, scale: Scale, tell: Callable[[str], None], ending: ExitStack) -> _Pictures:
    made = measure_renditions(shared_data(), scale.rounds, large=scale is not TINY, tell=tell)
    tell(f"{scale.photos:,} photos")
    photos = make_photos(cluster, PHOTOS, scale.photos, scale.asked_photos, ground=GROUND)
    ending.callback(photos.engine.dispose)
    return _Pictures(made, photos, measure_likeness(photos, scale.rounds, scale.scans, tell))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What is asked for, the same at every size."""

    pack: Pack
    asked: Sequence[Asked]
    draws: Sequence[Draw]


def _draw(cluster: Cluster, folder: Path, scale: Scale) -> _Inputs:
    engine = connect(Settings.from_environment(settings_for(cluster, GROUND, folder)))
    chance = np.random.default_rng(2)
    count = min(DRAWN, 20 * scale.recorded)
    with Reading() as session:
        pack, city = current_city(session), City.read(session, chance)
        asked = prepare(session, city.ask(count, chance), pack)
    engine.dispose()
    return _Inputs(pack, asked, city.draw(count, chance))


def _app(cluster: Cluster, folder: Path, ending: ExitStack) -> Flask:
    """Make the application whose calls are recorded; its sessions are bound to the database in question then."""
    settings = {**settings_for(cluster, GROUND, folder), "LOG_LEVEL": "WARNING"}
    app = create_app(Settings.from_environment(settings))
    ending.callback(app.extensions["engine"].dispose)
    return app


def _site(cluster: Cluster, size: int, inputs: _Inputs, *, folder: Path, scale: Scale, ending: ExitStack) -> Site:
    database = DATABASE.format(size)
    settings = settings_for(cluster, database, folder)
    server = Server(settings)
    ending.callback(server.stop)
    engine = connect(Settings.from_environment(settings))
    ending.callback(engine.dispose)
    own = folder / str(size)
    own.mkdir()
    lives = Lives.choose(
        cluster, database, engine, area=inputs.pack.code, floor=5 * scale.floor_lives, ours=2 * scale.lives
    )
    return Site(
        size=size,
        cluster=cluster,
        database=database,
        server=server,
        inside=Inside(engine, inputs.pack),
        asked=inputs.asked,
        draws=cycle(inputs.draws),
        folder=own,
        scale=scale,
        lives=lives,
    )


def _clocks(cluster: Cluster, size: int, inputs: _Inputs, *, folder: Path, scale: Scale, ending: ExitStack) -> Clocks:
    database = CLOCKS.format(size)
    engine = connect(Settings.from_environment(settings_for(cluster, database, folder)))
    ending.callback(engine.dispose)
    return Clocks(
        cluster=cluster, size=size, breached=scale.breached, database=database, engine=engine, pack=inputs.pack
    )


def _ready(sites: Sequence[Site], inputs: _Inputs, app: Flask, scale: Scale, tell: Callable[[str], None]) -> None:
    for site in sites:
        tell(f"recording the calls at {site.size:,}")
        site.mark()
        url = site.cluster.url(site.database)
        site.calls = record(
            url,
            app,
            inputs.pack,
            asked=inputs.asked,
            draws=site.draws,
            lives=site.lives,
            count=scale.recorded,
            lived=scale.lives,
        )
        site.lives.put_back()
        site.build_floors()
        site.server.wait()
        site.warm()


def _findings(
    sites: Sequence[Site],
    clocks: Sequence[Clocks],
    results: Results,
    pack: Pack,
    *,
    machine: Sequence[str],
    pictures: _Pictures,
) -> Findings:
    largest = sites[-1]
    return Findings(
        scale=largest.scale,
        results=results,
        machine=machine,
        city=pack.name_en or pack.name_zh,
        approximate=pack.approximate,
        opened={site.size: site.open_work_orders() for site in sites},
        seen={site.size: site.seen for site in sites},
        covered={name: floor.covered for name, floor in largest.floors.items() if name in largest.calls},
        plans=explain(largest.cluster.url(largest.database), largest.calls),
        clock_plans=explain_call(clocks[-1].url, JOB, clocks[-1].statements()),
        made=pictures.made,
        looked=pictures.looked,
        photo_plans=pictures.photos.plans(),
        today=utcnow().date(),
    )


@contextmanager
def _explained(cluster: Cluster) -> Iterator[None]:
    """Add to a refusal what the server said of its end: its log goes with the cluster."""
    try:
        yield
    except Refusal as refusal:
        log = (cluster.data / "server.log").read_text(encoding="utf-8", errors="replace")
        last = [line for line in log.splitlines() if re.search("FATAL|PANIC|signal|shutdown request", line)][-3:]
        raise Refusal("\n".join([str(refusal), *last])) from refusal


def _timed() -> Callable[[str], None]:
    """Make the function that tells what is done, with the seconds since the start."""
    began = time.monotonic()
    return lambda text: say(f"{time.monotonic() - began:6.1f} s  {text}")
