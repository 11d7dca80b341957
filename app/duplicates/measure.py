"""How good a ranking of candidate pairs is: what is found, how much of what is shown is right, and how sure that is.

The denominator of recall is every duplicate whose parent came first, also one whose parent was no candidate: the
ceiling is the share whose parent was. Every other pair counts as wrong, also one of which the labels say nothing (the
report was closed as a duplicate without naming an earlier parent, or both are duplicates of one third);
``average_precision_of_known`` leaves those out. Not every duplicate is labelled: precision is a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

RECALLS = (0.2, 0.3, 0.4, 0.5, 0.6)
SHOWN = (0.05, 0.1, 0.2)
FIRST = (1, 3)
ROUNDS = 200
_SEED = 20110701
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass
class Pairs:
    """Scored candidate pairs. ``report`` numbers the report of each; the lists of reports are by that number."""

    score: list[float] = field(default_factory=list)
    report: list[int] = field(default_factory=list)
    true: list[bool] = field(default_factory=list)
    unknown: list[bool] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    labelled: list[bool] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)

    def add(
        self, item: str, scores: Sequence[float], *, true: int | None, unknown: Sequence[bool], labelled: bool
    ) -> None:
        """Add a report with the scores of its candidates; ``true`` is the place of its parent among them."""
        number = len(self.items)
        self.items.append(item)
        self.labelled.append(labelled)
        self.score.extend(scores)
        self.report.extend([number] * len(scores))
        self.true.extend(place == true for place in range(len(scores)))
        self.unknown.extend(unknown)
        self.best.append(max(scores, default=-np.inf))
        self.rank.append(-1 if true is None else _rank(scores, true))


def _rank(scores: Sequence[float], true: int) -> int:
    """Say how many stand before one in the order in which they are shown: by score, then as they came."""
    mine = scores[true]
    return sum(score > mine or (score == mine and place < true) for place, score in enumerate(scores))


@dataclass(frozen=True)
class Sorted:
    """Pairs in the order of their score, ready to be weighed again and again."""

    report: Numbers
    true: Flags
    ends: Numbers

    @classmethod
    def of(cls, pairs: Pairs, *, known: bool = False) -> Sorted:
        """Sort the pairs, or those alone of which the labels say what they are."""
        score, report, true = np.array(pairs.score), np.array(pairs.report, dtype=np.int64), np.array(pairs.true)
        counts = ~np.array(pairs.unknown, dtype=bool) if known else np.ones(len(score), dtype=bool)
        order = np.argsort(-score[counts], kind="stable")
        ordered = score[counts][order]
        ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1).astype(np.int64)
        return cls(report[counts][order], true[counts][order].astype(bool), ends)

    def curve(self, weights: Floats, total: float) -> tuple[Floats, Floats]:
        """Give recall and precision after each score, equal scores together."""
        weight = weights[self.report]
        shown = np.cumsum(weight)[self.ends]
        right = np.cumsum(weight * self.true)[self.ends]
        return right / total, right / np.maximum(shown, 1e-9)


def average_precision(recall: Floats, precision: Floats) -> float:
    """Give the area under the curve by its steps."""
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_at(recall: Floats, precision: Floats, wanted: float) -> float:
    """Give the precision where the recall is first reached; 0 where it never is."""
    place = int(np.searchsorted(recall, wanted - 1e-12))
    return float(precision[place]) if place < len(recall) else 0.0


def measure(pairs: Pairs, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Give all figures with their intervals (95 % by a bootstrap over reports) under ``intervals``."""
    every, known = Sorted.of(pairs), Sorted.of(pairs, known=True)
    reports = len(pairs.items)
    figures = _figures(pairs, every, np.ones(reports))
    generator = np.random.default_rng(_SEED)
    draws = [
        _flat(_figures(pairs, every, generator.multinomial(reports, np.full(reports, 1 / reports)).astype(float)))
        for _ in range(rounds)
    ]
    labelled = float(sum(pairs.labelled))
    return {
        **figures,
        "intervals": {name: interval([draw[name] for draw in draws]) for name in _flat(figures) if draws},
        "draws": [draw["average_precision"] for draw in draws],
        "average_precision_of_known": round(average_precision(*known.curve(np.ones(reports), labelled or 1.0)), 4),
        "reports": reports,
        "pairs": len(pairs.score),
        "duplicates": int(labelled),
        "reachable": sum(rank >= 0 for rank in pairs.rank),
        "unknown": sum(pairs.unknown),
    }


def interval(values: Sequence[float]) -> list[float]:
    """Give the middle 95 % of what a bootstrap drew."""
    return [round(float(np.quantile(values, edge)), 4) for edge in (0.025, 0.975)]


def _figures(pairs: Pairs, ordered: Sorted, weights: Floats) -> dict[str, Any]:
    labelled, rank, best = np.array(pairs.labelled), np.array(pairs.rank), np.array(pairs.best)
    total = max(1e-9, float(weights[labelled].sum()))
    reachable = max(1e-9, float(weights[rank >= 0].sum()))
    recall, precision = ordered.curve(weights, total)
    share = _shares(weights, best)
    found = {
        f"recall_at_{most}": round(float(weights[(rank >= 0) & (rank < most)].sum()) / reachable, 4) for most in FIRST
    }
    return {
        "average_precision": round(average_precision(recall, precision), 4),
        "precision_at_recall": {f"{at:.1f}": round(precision_at(recall, precision, at), 4) for at in RECALLS},
        **found,
        "recall_when_shown": {
            f"{at:.2f}": round(float(weights[share(at) & (rank >= 0) & (rank < max(FIRST))].sum()) / total, 4)
            for at in SHOWN
        },
        "ceiling": round(float(weights[rank >= 0].sum()) / total, 4),
    }


def _shares(weights: Floats, best: Floats) -> Callable[[float], Flags]:
    """Say which reports are shown a suggestion where at most a share of them may be: those of the best candidates."""
    order = np.argsort(-best, kind="stable")
    before = np.empty(len(best))
    before[order] = np.cumsum(weights[order]) / max(1e-9, weights.sum())
    return lambda at: np.asarray((before <= at) & np.isfinite(best), dtype=bool)


def _flat(figures: dict[str, Any]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{at}": figure for at, figure in value.items()}
        else:
            flat[name] = value
    return flat


def by_item(pairs: Pairs, *, least: int = 5) -> dict[str, dict[str, Any]]:
    """Give the figures of every item with at least so many duplicates, the most first, without intervals."""
    counts: dict[str, int] = {}
    for item, labelled in zip(pairs.items, pairs.labelled, strict=True):
        counts[item] = counts.get(item, 0) + labelled
    chosen = sorted((item for item, count in counts.items() if count >= least), key=lambda item: (-counts[item], item))
    return {item: measure(_only(pairs, item), rounds=0) for item in chosen}


def _only(pairs: Pairs, item: str) -> Pairs:
    numbers = {old: new for new, old in enumerate(n for n, one in enumerate(pairs.items) if one == item)}
    places = [place for place, report in enumerate(pairs.report) if report in numbers]
    return Pairs(
        score=[pairs.score[place] for place in places],
        report=[numbers[pairs.report[place]] for place in places],
        true=[pairs.true[place] for place in places],
        unknown=[pairs.unknown[place] for place in places],
        items=[item] * len(numbers),
        labelled=[pairs.labelled[old] for old in numbers],
        best=[pairs.best[old] for old in numbers],
        rank=[pairs.rank[old] for old in numbers],
    )
