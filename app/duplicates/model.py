"""The logistic model: weights, means and priors of a small versioned file; at run time nothing but arithmetic."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from app.duplicates import features
from app.duplicates.features import Asking, Priors, Sighting

FORMAT = 1
DEFAULT = Path(__file__).parent / "weights" / "default.json"


@dataclass(frozen=True)
class Model:
    """What training wrote. ``weights`` is of features less their ``means``; ``scale`` and ``shift`` calibrate.

    ``suggest_at`` is the least score that is shown, ``join_at`` the one above which the machine joins by itself
    (None where no score is that sure).
    """

    version: str
    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]
    priors: Priors
    scale: float = 1.0
    shift: float = 0.0
    suggest_at: float = 0.0
    join_at: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def scores(self, asking: Asking, sightings: Sequence[Sighting]) -> list[float]:
        """Give how likely each candidate is the same problem, 0 to 1."""
        return [self.calibrated(value) for value in self.logits(asking, sightings)]

    def logits(self, asking: Asking, sightings: Sequence[Sighting]) -> list[float]:
        """Give the log odds of each candidate, before they are calibrated."""
        weights = [self.weights.get(name, 0.0) for name in features.NAMES]
        base = self.intercept - sum(
            weight * self.means.get(name, 0.0) for name, weight in zip(features.NAMES, weights, strict=True)
        )
        return [base + sum(map(float.__mul__, weights, row)) for row in features.rows(asking, sightings, self.priors)]

    def calibrated(self, logit: float) -> float:
        """Turn a sum of contributions into a probability."""
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, self.scale * logit + self.shift))))

    def joins(self, score: float) -> bool:
        """Tell whether a score is so high that the machine joins by itself."""
        return self.join_at is not None and score >= self.join_at

    def contributions(self, asking: Asking, sightings: Sequence[Sighting], place: int) -> list[tuple[str, float]]:
        """Give by feature what it adds to the log odds of one candidate beside an average one, the largest first."""
        row = features.rows(asking, sightings, self.priors)[place]
        parts = [
            (name, self.scale * self.weights.get(name, 0.0) * (value - self.means.get(name, 0.0)))
            for name, value in zip(features.NAMES, row, strict=True)
        ]
        return sorted((part for part in parts if part[1]), key=lambda part: -abs(part[1]))

    def written(self) -> dict[str, Any]:
        """Give the members of the file."""
        priors = {"items": dict(self.priors.items), "pairs": dict(self.priors.pairs)}
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {"format": FORMAT, **plain, "priors": priors}


_PLAIN = ("version", "intercept", "weights", "means", "scale", "shift", "suggest_at", "join_at", "facts")


def read_model(path: Path = DEFAULT) -> Model:
    """Read a file of weights. Raises ValueError as ``model_from`` does."""
    return model_from(json.loads(path.read_text()), str(path))


def model_from(data: Any, name: str) -> Model:
    """Read the members of a file of weights.

    Raises ValueError, in words for whoever wrote it, for another format, a member that is missing of another kind, or
    a feature that is not known.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"{name} has another format; this program reads {FORMAT}. Train it again.")
    known = {member: data[member] for member in _PLAIN if member in data}
    priors = data.get("priors")
    tables = (known.get("weights"), known.get("means", {}), *(_of(priors, each) for each in ("items", "pairs")))
    numbers = [known.get("intercept"), *(known.get(each, 0) for each in ("scale", "shift", "suggest_at"))]
    numbers += [] if known.get("join_at") is None else [known["join_at"]]
    if not all(map(_is_table, tables)) or not all(map(_is_number, numbers)):
        raise ValueError(f"{name}: intercept, weights and priors are numbers by name. Train it again.")
    unknown = set(known["weights"]) - set(features.NAMES)
    if unknown:
        raise ValueError(f"{name}: these are no features: {', '.join(sorted(unknown))}. Train it again.")
    return Model(priors=Priors(_of(priors, "items"), _of(priors, "pairs")), **({"version": "", "means": {}} | known))


def _of(table: Any, name: str) -> Any:
    return table.get(name, {}) if isinstance(table, dict) else None


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def write_model(model: Model, path: Path) -> None:
    """Write a file of weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(model.written(), ensure_ascii=False, indent=1, sort_keys=True) + "\n")


@cache
def default_model() -> Model:
    """Give the model of a city that brings none: it was trained on Boston's third quarter of 2011."""
    return read_model()
