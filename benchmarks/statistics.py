"""Percentiles of one round, and their medians and spreads over the rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least ``share`` (0 to 1) of the values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("nothing was measured")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True, slots=True)
class Latencies:
    """One round of one call: percentiles in milliseconds, and how many calls they rest on."""

    p50: float
    p99: float
    count: int

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Latencies:
        """Sum up the latencies of a round."""
        return cls(percentile(milliseconds, 0.50), percentile(milliseconds, 0.99), len(milliseconds))


@dataclass(frozen=True, slots=True)
class Spread:
    """The median over the rounds, with the least and the greatest round."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sum up one value a round."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{figures(self.median)} ({figures(self.least)}..{figures(self.greatest)})"


def quotients(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Divide round by round: what two measurements of one round have in common, such as a busy machine, cancels."""
    return Spread.of([one / other for one, other in zip(above, below, strict=True)])


def figures(value: float) -> str:
    """Write a number with about three significant digits, and never more than three decimals."""
    size = abs(value)
    decimals = next((places for places, bound in ((0, 100), (1, 10), (2, 1)) if size >= bound), 3)
    return f"{value:,.{decimals}f}"
