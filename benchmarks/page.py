"""docs/performance.md: what was measured, how, and what to conclude."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.plans import Plan
from benchmarks.recording import FILE
from benchmarks.rounds import COMMITTED, Results, Rounds
from benchmarks.scale import Scale
from benchmarks.site import ALL, Measured, Seen
from benchmarks.statistics import Spread, figures

MOST_GROWTH = 1.3
FILING = Measured(FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that the page tells; ``opened`` and ``seen`` are by size, ``covered`` is by call."""

    scale: Scale
    results: Results
    machine: Sequence[str]
    city: str
    approximate: bool
    opened: dict[int, int]
    seen: dict[int, Seen]
    covered: dict[str, float]
    plans: Sequence[Plan]
    today: dt.date

    @property
    def sizes(self) -> Sequence[int]:
        """Give the sizes, smallest first."""
        return self.scale.sizes

    @property
    def compared(self) -> tuple[int, int]:
        """Give the two sizes whose filing is compared: the smallest, and the next."""
        return self.sizes[0], self.sizes[1]


def write_page(found: Findings) -> str:
    """Write the page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Findings) -> Iterator[str]:
    yield from ("# Performance", "", f"Written by `make bench` on {found.today.isoformat()}; do not edit.", "")
    yield from (conclusion(found), "")
    yield from ("## Growth", "", *_growth(found), "")
    yield from ("## Beside the database alone", "", *_beside(found), "")
    yield from ("## How it was measured", "", *_how(found), "")
    yield from ("## Machine", "", *(f"- {line}" for line in found.machine), "")
    yield from (f"## Plans at {found.sizes[-1]:,} open work orders", "", *_plans(found))


def conclusion(found: Findings) -> str:
    """Say in two sentences what the numbers mean."""
    smaller, larger = found.compared
    growth = found.results.growth(FILING, smaller, larger)
    ratio = found.results.ratio(FILING, larger)
    held = "held" if growth.median <= MOST_GROWTH else "NOT held"
    ours = _median(found.results.ours, FILING, larger)
    floor = _median(found.results.floor, FILING, larger)
    commit = Spread.of([each.p50 for each in found.results.floor[COMMITTED, found.sizes[-1]]]).median
    return (
        f"Filing a report with {larger:,} open work orders costs {figures(growth.median)} times what it costs with "
        f"{smaller:,} (at most {MOST_GROWTH} is allowed: {held}). A filing takes {figures(ours)} ms, "
        f"{figures(ratio.median)} times the {figures(floor)} ms that its SQL takes by pgbench, of which "
        f"{figures(commit)} ms is the commit: {_limit(ratio.median)}."
    )


def _limit(ratio: float) -> str:
    return "Python is the limit, not the database" if ratio > 2 else "the database is the larger part"  # noqa: PLR2004  # half of it


def _growth(found: Findings) -> Iterator[str]:
    """Give the table of medians by size, and how many times the smallest one's each is."""
    small, *larger = found.sizes
    yield _row("call", *(f"{size:,}" for size in found.sizes), *(f"{size:,} : {small:,}" for size in larger))
    yield _row("---", *("---:" for _ in found.sizes), *("---:" for _ in larger))
    for measured in ALL:
        medians = [figures(_median(found.results.ours, measured, size)) for size in found.sizes]
        yield _row(measured.title, *medians, *(_grown(found, measured, size) for size in larger))
    yield ""
    yield (
        "p50 in milliseconds by open work orders, median of the rounds; then the quotient of the same round, median "
        f"(least..greatest). Filing at {found.compared[1]:,} may cost at most {MOST_GROWTH} times what it costs at "
        f"{small:,}."
    )


def _grown(found: Findings, measured: Measured, size: int) -> str:
    grown = found.results.growth(measured, found.sizes[0], size)
    if not measured.files or size != found.compared[1]:
        return str(grown)
    return f"{grown} {'within' if grown.median <= MOST_GROWTH else 'OVER'} {MOST_GROWTH}"


def _beside(found: Findings) -> Iterator[str]:
    """Give the table of ours beside pgbench."""
    yield _row("call", "open", "ours p50", "ours p99", "pgbench p50", "pgbench p99", "ratio of p50")
    yield _row("---", *("---:" for _ in range(6)))
    for measured in ALL:
        for size in found.sizes:
            ours, floor = found.results.ours[measured, size], found.results.floor[measured, size]
            spreads = [Spread.of([getattr(each, name) for each in side]) for side in (ours, floor) for name in P]
            yield _row(measured.title, f"{size:,}", *map(str, spreads), str(found.results.ratio(measured, size)))
    yield ""
    yield "Milliseconds, and ours : pgbench; median of the rounds (least..greatest)."


P = ("p50", "p99")


def _how(found: Findings) -> Iterator[str]:
    """Say how, and what not to read into it."""
    fewest = {measured.title: _fewest(found, measured) for measured in ALL}
    sizes = ", ".join(f"{size:,}" for size in found.sizes)
    yield (
        f"- {found.city}{', approximate boundaries' if found.approximate else ''}. {sizes} open work orders, each size "
        f"in a database of its own on one cluster with fsync: {found.scale.seeds} reports that the service filed, "
        "multiplied under new keys, times and places (normally distributed around the middle of a street, items by "
        "Zipf's law)."
    )
    yield (
        f"- {found.scale.rounds} rounds; in each, for every call: half of ours on every size, then pgbench on every "
        "size, then in the reverse order the other half of ours. Quotients are taken within a round. Calls in a "
        "round, at least: "
        f"{', '.join(f'{title} {count:,}' for title, count in fewest.items())}."
    )
    yield (
        "- `locate`, `resolve` (with its search for the asset) and `similar` run in one process, each on a session of "
        "its own as in a route. The requests go over HTTP on this machine to the server of the Procfile, on "
        "connections that are kept; reports are JSON without a photo, under a new key each."
    )
    covered = ", ".join(f"{name} {share:.0%}" for name, share in found.covered.items())
    yield (
        "- pgbench (`-M prepared`, a Unix socket) repeats the statements that recorded calls sent, value by value, "
        f"in the shares in which they occurred; rare shapes are left out (kept: {covered}). Values are drawn by "
        "another script, which is not timed; keys and names of what is filed are new every time."
    )
    yield (
        "- The rows of filing are reports that opened a work order: "
        + "; ".join(_joined(found.seen[size], size) for size in found.sizes)
        + "."
    )
    yield (
        "- Where more is open, `similar` finds more and then asks for its photos: on average "
        + ", ".join(f"{figures(fmean(found.seen[size].found))} at {size:,}" for size in found.sizes)
        + " (three at most)."
    )
    yield (
        "- What a round filed is closed after it, so that as many stay open "
        f"({', '.join(f'{count:,}' for count in found.opened.values())} at the end); no worker runs meanwhile, and the "
        "rate limit is off."
    )


def _joined(seen: Seen, size: int) -> str:
    took = f", p50 {figures(median(seen.joined))} ms" if seen.joined else ""
    return f"at {size:,}, {len(seen.joined):,} of {seen.filed:,} joined one{took}"


def _fewest(found: Findings, measured: Measured) -> int:
    return min(each.count for size in found.sizes for each in found.results.ours[measured, size])


def _plans(found: Findings) -> Iterator[str]:
    """Give the plans, folded."""
    for plan in found.plans:
        yield f"<details><summary><code>{plan.call}</code>: {plan.tables}</summary>"
        yield from ("", "```", plan.text, "```", "", "</details>", "")


def _median(rounds: Rounds, measured: Measured, size: int) -> float:
    return Spread.of([each.p50 for each in rounds[measured, size]]).median


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
