"""docs/performance.md: what was measured, how, and what to conclude."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from app.dispatch.escalation import BATCH
from benchmarks.likeness import HOT, Looked
from benchmarks.lives import STEPS
from benchmarks.plans import Plan
from benchmarks.recording import FILE, MOVE
from benchmarks.renditions import CHILD, FORMATS, OURS, REPEATS, VIPS, Made
from benchmarks.rounds import COMMITTED, Results, Rounds
from benchmarks.scale import Scale
from benchmarks.site import ALL, Measured, Seen
from benchmarks.statistics import Spread, figures, quotients

MOST_GROWTH = 1.3
MOST_SLOWER = 1.5
MOST_OF_VIPS = 1.2
FILING = Measured(FILE)
MOVING = (Measured(MOVE), Measured(MOVE, 4))


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
    clock_plans: Sequence[Plan]
    made: Made
    looked: dict[str, Looked]
    photo_plans: Sequence[Plan]
    today: dt.date

    @property
    def sizes(self) -> Sequence[int]:
        """Give the sizes, smallest first."""
        return self.scale.sizes

    @property
    def compared(self) -> tuple[int, int]:
        """Give the two sizes whose filing is compared: the smallest, and the next."""
        return self.sizes[0], self.sizes[1]


_ELSEWHERE = (
    "Pages of their own: [the live stream](performance-live.md), [tiles of the map](performance-map.md), "
    "[the map with many viewers](performance-map-load.md), [duplicates](performance-similar.md)."
)


def write_page(found: Findings) -> str:
    """Write the page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Findings) -> Iterator[str]:
    yield from ("# Performance", "", f"Written by `make bench` on {found.today.isoformat()}; do not edit.", "")
    yield from (conclusion(found), "", _ELSEWHERE, "")
    yield from ("## Growth", "", *_growth(found), "")
    yield from ("## Beside the database alone", "", *_beside(found), "")
    yield from ("## Moves a second", "", *_moves(found), "")
    yield from ("## The clocks of a minute", "", *_clocks(found), "")
    yield from ("## Renditions of 12 megapixels", "", *_renditions(found), "")
    yield from (f"## The same picture among {found.scale.photos:,}", "", *_likeness(found), "")
    yield from ("## How it was measured", "", *_how(found), "")
    yield from ("## Machine", "", *(f"- {line}" for line in found.machine), "")
    yield from (f"## Plans at {found.sizes[-1]:,} open work orders", "", *_plans(found.plans))
    yield from (f"## Plans of the same picture among {found.scale.photos:,}", "", *_plans(found.photo_plans))
    yield from (f"## Plans of the minute job at {found.scale.clocks[-1]:,} clocks", "", *_plans(found.clock_plans))


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
    yield (
        "- A move is JSON under a key of its own by a crew with a token; every item asks for a note alone here: "
        f"no photo is decoded. {found.scale.lives} work orders a round and row go from dispatched to fixed and are put "
        "back after it; pgbench takes another one for every repetition too."
    )
    yield (
        "- The minute job runs in one process in databases of its own, two clocks a work order; each measurement is "
        "rolled back and cleared away."
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


def _moves(found: Findings) -> Iterator[str]:
    """Give the table of moves a second, ours and pgbench's, and what each step takes."""
    yield _row("open", "at once", "ours", "pgbench", "ours : pgbench", *(f"{step.value} p50" for step in STEPS))
    yield _row("---", *("---:" for _ in range(4 + len(STEPS))))
    for measured in MOVING:
        for size in found.sizes:
            sides = (found.results.ours, found.results.floor)
            rates = [1000 * len(STEPS) * measured.clients / _median(side, measured, size) for side in sides]
            shares = [figures(median(each)) for each in zip(*found.seen[size].steps, strict=True)]
            steps = shares if measured.clients == 1 else ["" for _ in STEPS]
            ratio = figures(rates[0] / rates[1])
            yield _row(f"{size:,}", f"{measured.clients}", *map(figures, rates), ratio, *steps)
    yield ""
    yield (
        "Moves a second from the median latency of three steps one after the other: sign, note, fix with a note. Then "
        "the p50 of each step alone, in milliseconds."
    )


def _clocks(found: Findings) -> Iterator[str]:
    """Give the table of the minute job."""
    fewer, more = found.scale.clocks
    slower = found.results.slower(fewer, more)
    yield _row("open clocks", "breached", "milliseconds of the batches", f": {fewer:,}")
    yield _row("---:", "---:", "---:", "---:")
    for size in found.scale.clocks:
        verdict = (
            f"{slower} {'within' if slower.median <= MOST_SLOWER else 'OVER'} {MOST_SLOWER}" if size == more else ""
        )
        yield _row(f"{size:,}", f"{found.scale.breached:,}", str(Spread.of(found.results.acted[size])), verdict)
    yield ""
    yield (
        f"`act_on_breaches` on all that is breached, {BATCH} work orders at a time as the minute job does, two levels "
        "each: history, notices and jobs are written. Median of the rounds (least..greatest); the quotient of a round "
        f"may be at most {MOST_SLOWER}. It finds the oldest by the index of `next_at`, which holds only what is to be "
        "looked at; the lock and the second reading go by key."
    )


def _renditions(found: Findings) -> Iterator[str]:
    """Give the table of renditions beside libvips, and that of memory."""
    took = found.made.took
    yield _row("made", "by", "milliseconds", f": {VIPS}")
    yield _row("---", "---", "---:", "---:")
    for name in FORMATS:
        for who in (OURS, CHILD, VIPS):
            ratio = quotients(took[name, who], took[name, VIPS])
            verdict = "" if who == VIPS else f"{ratio}"
            if (name, who) == ("JPEG", OURS):
                verdict += f" {'within' if ratio.median <= MOST_OF_VIPS else 'OVER'} {MOST_OF_VIPS}"
            yield _row(name, who, str(Spread.of(took[name, who])), verdict)
    yield ""
    yield (
        "A JPEG of a phone (4032x3024, Display P3) to 1600 and 320 pixels in sRGB, progressive JPEG of quality 80, "
        f"WebP of quality 77 and method 2; one thread each. Each round {REPEATS} times in turn; median of the rounds "
        "(least..greatest)."
    )
    yield ""
    yield _row("file", "megabytes of a decoder")
    yield _row("---", "---:")
    for name, memory in found.made.memory.items():
        yield _row(name, f"{memory / 1e6:.0f}")
    yield ""
    yield "The most that a fresh decoder took to probe and render the file (resident; at most 1,074 of addresses)."


def _likeness(found: Findings) -> Iterator[str]:
    """Give the table of the search for a picture that was sent before."""
    yield _row("looked for", "p50", "p99", "scan p50", "scan : ours")
    yield _row("---", *("---:" for _ in range(4)))
    for kind, looked in found.looked.items():
        middles = ([each.p50 for each in side] for side in (looked.scanned, looked.ours))
        spreads = [Spread.of([getattr(each, name) for each in looked.ours]) for name in P]
        scanned = Spread.of([each.p50 for each in looked.scanned])
        yield _row(kind, *map(str, spreads), str(scanned), str(quotients(*middles)))
    yield ""
    yield (
        "Milliseconds of `find_alike`; median of the rounds (least..greatest). Hashes are random; one photo of a "
        f"hundred is a copy of another with two bits changed, and {found.scale.photos // 100 * HOT:,} share a band. "
        "The scan is the same call without indexes."
    )


def _plans(plans: Sequence[Plan]) -> Iterator[str]:
    """Give the plans, folded."""
    for plan in plans:
        yield f"<details><summary><code>{plan.call}</code>: {plan.tables}</summary>"
        yield from ("", "```", plan.text, "```", "", "</details>", "")


def _median(rounds: Rounds, measured: Measured, size: int) -> float:
    return Spread.of([each.p50 for each in rounds[measured, size]]).median


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
