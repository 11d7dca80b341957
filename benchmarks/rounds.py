"""The interleaved rounds: every round measures every call on every size, floor and ours side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.overdue import Clocks
from benchmarks.site import ALL, COMMIT, Measured, Site
from benchmarks.statistics import Latencies, Spread, quotients

Rounds = dict[tuple[Measured, int], list[Latencies]]
COMMITTED = Measured(COMMIT)


@dataclass(frozen=True, slots=True)
class Results:
    """What the rounds gave: by call and size, a value a round; ``acted`` is the milliseconds of the minute job."""

    ours: Rounds = field(default_factory=lambda: defaultdict(list))
    floor: Rounds = field(default_factory=lambda: defaultdict(list))
    acted: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def growth(self, measured: Measured, smaller: int, larger: int) -> Spread:
        """Divide the median latency at one size by that at a smaller one, round by round."""
        return quotients(_middles(self.ours[measured, larger]), _middles(self.ours[measured, smaller]))

    def ratio(self, measured: Measured, size: int) -> Spread:
        """Divide our median latency by pgbench's, round by round."""
        return quotients(_middles(self.ours[measured, size]), _middles(self.floor[measured, size]))

    def slower(self, fewer: int, more: int) -> Spread:
        """Divide the time of the minute job among more clocks by that among fewer, round by round."""
        return quotients(self.acted[more], self.acted[fewer])


def _middles(rounds: Sequence[Latencies]) -> list[float]:
    return [each.p50 for each in rounds]


def run(sites: Sequence[Site], clocks: Sequence[Clocks], rounds: int, tell: Callable[[str], None]) -> Results:
    """Measure. Every other round begins with the other size, so that what drifts favours nobody."""
    results = Results()
    for each in clocks:
        each.act()  # what a connection does once only
        each.settle()
    for turn in range(1, rounds + 1):
        order = sites[::-1] if turn % 2 == 0 else sites
        for measured in ALL:
            _measure(results, order, measured, turn)
        results.floor[COMMITTED, sites[-1].size].append(sites[-1].floor(COMMITTED))
        for each in clocks[::-1] if turn % 2 == 0 else clocks:
            results.acted[each.size].append(each.act())
            each.settle()
        for site in sites:
            site.settle()
        tell(f"round {turn} of {rounds}")
    return results


def _measure(results: Results, sites: Sequence[Site], measured: Measured, turn: int) -> None:
    """Measure one call on all sizes: half of ours, the floor, and back, the other half of ours."""
    ours = {site.size: site.ours(measured, turn, share=0.5) for site in sites}
    for site in sites:
        results.floor[measured, site.size].append(site.floor(measured))
    for site in sites[::-1]:
        ours[site.size] += site.ours(measured, -turn, share=0.5)
        results.ours[measured, site.size].append(Latencies.of(ours[site.size]))
