"""How the queue of jobs bears a storm of reports, beside the release before it had queues.

Web with two processes and one worker, as the Procfile starts them, over a fresh database with the city in it, each
release from a checkout of its own. Filings are offered at a fixed rate, whatever the answers take; each has the
confirmed e-mail address of another resident, one in five joins the report before it. A mail server on this machine
takes what the worker sends: exactly one message a filing is right. "Waiting" are jobs that are due and not begun;
their growth in the last minute is the difference of the medians of its last and its first twenty seconds.
Database time is `active_time` of `pg_stat_database`: what all sessions of the service spent on statements, waits for
locks among them, from the first filing until the queue was empty or patience ended, divided by the acknowledged
filings. First both are asked, without a worker, how many filings a second this machine can take at all: where that is
less than the rate, half of it is offered. The releases take turns in each round, the next round the other way round.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from app.db import utcnow
from benchmarks.draws import Draw
from benchmarks.ground import read_city
from benchmarks.machine import machine
from benchmarks.queue_city import BASE, Ground, Tree, make_template, running, trees
from benchmarks.queue_storm import FEW, SOON_SECONDS, Storm, mail_server, rage
from benchmarks.statistics import Spread, figures, percentile, quotients
from dev.cluster import SUPERUSER, Cluster
from dev.console import Refusal, say
from dev.places import ROOT, VAR

FILINGS, RATE, ROUNDS, PATIENCE = 4300, 24.0, 2, 120.0
CAPACITY_FILINGS, CAPACITY_RATE = 1000, 1000.0
NAMES = {"base": f"`{BASE}`", "now": "now"}

Storms = Mapping[str, Sequence[Storm]]


def main(words: Sequence[str]) -> int:
    """Measure, and write docs/performance-queue.md; give the exit code."""
    parser = argparse.ArgumentParser(prog="make bench BENCH=queue", description="ARGS=... are its arguments.")
    parser.add_argument("--filings", type=int, default=FILINGS)
    parser.add_argument("--rate", type=float, default=RATE, help="filings a second")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds to wait for the queue to be empty")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance-queue.md")
    arguments = parser.parse_args(words)
    with ExitStack() as ending:
        cluster = Cluster(VAR / "bench-queue-pg")
        cluster.destroy()
        ending.callback(cluster.destroy)
        cluster.start()
        cluster.ensure_roles()
        arguments.page.write_text(bench(cluster, arguments, ending), encoding="utf-8")
    say(f"{arguments.page.name} is written.")
    return 0


def bench(cluster: Cluster, arguments: argparse.Namespace, ending: ExitStack) -> str:
    """Measure on a cluster; give the page."""
    load = os.getloadavg()[0]
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
    both = ending.enter_context(trees(folder))
    ground = Ground(cluster, folder, secrets.token_urlsafe(48))
    for tree in both:
        say(f"the city for {tree.name}")
        make_template(ground, tree, residents=max(arguments.filings, CAPACITY_FILINGS))
    draws = draw_filings(cluster, both[-1], max(arguments.filings, CAPACITY_FILINGS))
    reached = {tree.name: reach(ground, tree, draws) for tree in both}
    rate = arguments.rate if min(reached.values()) >= arguments.rate else min(reached.values()) / 2
    say(f"filing alone reaches {', '.join(f'{each:.1f}/s ({name})' for name, each in reached.items())}: {rate:.1f}/s")
    storms: dict[str, list[Storm]] = {tree.name: [] for tree in both}
    for turn in range(arguments.rounds):
        for tree in both[:: -1 if turn % 2 else 1]:
            storm = measure(ground, tree, draws[: arguments.filings], rate=rate, patience=arguments.patience)
            storms[tree.name].append(storm)
            say(f"round {turn + 1}, {tree.name}: {describe(storm)}")
    described = machine(cluster, both[-1].template, load)
    return write_page(storms, arguments, reached=reached, rate=rate, described=described)


def draw_filings(cluster: Cluster, tree: Tree, count: int) -> list[Draw]:
    """Draw what is filed, the same for both releases: reports that name their item, which others may join."""
    chance = np.random.default_rng(14)
    drawn = read_city(cluster.url(tree.template, SUPERUSER), chance).ask(2 * count, chance)
    return [draw for draw in drawn if draw.item is not None][:count]


def reach(ground: Ground, tree: Tree, draws: Sequence[Draw]) -> float:
    """Find how many filings a second are acknowledged where all are offered at once and no worker runs."""
    with running(ground, tree, workers=()) as service:
        storm = rage(service, draws[:CAPACITY_FILINGS], rate=CAPACITY_RATE, sink=None, patience=0)
    if len(storm.acknowledged) < CAPACITY_FILINGS:
        raise Refusal(
            f"Only {len(storm.acknowledged)} of {CAPACITY_FILINGS} filings went through: {storm.refusals[:3]}"
        )
    return CAPACITY_FILINGS / storm.ended


def measure(ground: Ground, tree: Tree, draws: Sequence[Draw], *, rate: float, patience: float) -> Storm:
    """Let it rage over a release with a worker."""
    with mail_server() as (sink, url), running(ground, tree, workers=("worker",), SMTP_URL=url) as service:
        return rage(service, draws, rate=rate, sink=sink, patience=patience)


def describe(storm: Storm) -> str:
    """Say what came of a storm in a line."""
    few = "never" if storm.few_after is None else f"{storm.few_after:.0f} s"
    return (
        f"{len(storm.acknowledged):,} acknowledged ({storm.joined:,} joined), refused {dict(storm.refused) or 'none'}, "
        f"most waiting {storm.most_waiting:,}, growth of the last minute "
        f"{storm.growth:,}, under {FEW} after {few}, wrong mails {storm.wrong_mails:,}, "
        f"{per_filing(storm):.1f} ms of the database a filing"
    )


def per_filing(storm: Storm) -> float:
    """Give the milliseconds of database time a filing."""
    return storm.database_ms / max(1, len(storm.acknowledged))


COLUMNS = (
    *("", "acknowledged", "joined", "refused", "p50 ms", "p95 ms", "most waiting", "growth in the last minute"),
    *("waiting 30 s after", f"under {FEW} after", "wrong mails", "database ms a filing"),
)


def write_page(
    storms: Storms,
    arguments: argparse.Namespace,
    *,
    reached: Mapping[str, float],
    rate: float,
    described: Sequence[str],
) -> str:
    """Write the page."""
    alone = ", ".join(f"{each:.1f} a second ({NAMES[name]})" for name, each in reached.items())
    less = "" if rate == arguments.rate else f", under {arguments.rate:g}: half of it was offered"
    lines = ["# Performance of the queue", ""]
    lines += [f"Written by `make bench BENCH=queue` on {utcnow().date().isoformat()}; do not edit.", ""]
    lines += [*conclude(storms), ""]
    lines += [f"{arguments.filings:,} filings offered at {rate:.1f} a second, rounds: {arguments.rounds}.", ""]
    lines += [f"Filing alone reached {alone}{less}.", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * (len(COLUMNS) - 1)}"]
    lines += [row for name, found in storms.items() for row in _rows(NAMES[name], found)]
    lines += ["", "## Waiting jobs over time", "", *_over_time(storms)]
    lines += ["", "## How it was measured", "", " ".join(str(__doc__).split("\n\n", 1)[1].split()), ""]
    lines += ["## Machine", "", *(f"- {line}" for line in described)]
    return "\n".join(lines) + "\n"


def conclude(storms: Storms) -> Iterator[str]:
    """Say what is right and what is not."""
    now, base = storms["now"], storms["base"]
    share = quotients([per_filing(each) for each in now], [per_filing(each) for each in base])
    grew = max(each.growth for each in now)
    soon = all(each.few_after is not None and each.few_after <= SOON_SECONDS for each in now)
    most = max(each.most_waiting for each in now)
    growth = f"they grew by {grew:,}" if grew > 0 else "they did not grow"
    yield f"- Waiting jobs in the last minute of filing: {growth}; at the worst moment {most:,} waited."
    yield f"- Under {FEW} waiting within {SOON_SECONDS:.0f} s of the last filing: {'yes' if soon else 'no'}."
    yield f"- Messages that are missing or too many: {sum(each.wrong_mails for each in now):,}."
    yield f"- Database time a filing, beside `{BASE}`: {share}."


def _rows(name: str, found: Sequence[Storm]) -> Iterator[str]:
    for storm in found:
        times = sorted(storm.milliseconds)
        few = "never" if storm.few_after is None else f"{storm.few_after:.0f} s"
        cells = [
            f"{len(storm.acknowledged):,}",
            f"{storm.joined:,}",
            f"{sum(storm.refused.values()):,}",
            figures(percentile(times, 0.5)),
            figures(percentile(times, 0.95)),
            f"{storm.most_waiting:,}",
            f"{storm.growth:,}",
            _count(storm.at(storm.ended + SOON_SECONDS)),
            few,
            f"{storm.wrong_mails:,}",
            figures(per_filing(storm)),
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def _over_time(storms: Storms) -> Iterator[str]:
    """Write how many jobs waited each quarter of a minute, the median of the rounds."""
    last = max(each.waiting[-1][0] for found in storms.values() for each in found if each.waiting)
    yield f"| second | {' | '.join(NAMES[name] for name in storms)} |"
    yield f"| ---: |{' ---: |' * len(storms)}"
    for second in range(15, int(last) + 15, 15):
        cells = []
        for found in storms.values():
            counts = [count for each in found if (count := each.at(second)) is not None]
            cells.append(f"{Spread.of([float(count) for count in counts]).median:,.0f}" if counts else "")
        yield f"| {second} | {' | '.join(cells)} |"


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
