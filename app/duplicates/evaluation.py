"""Measure a model beside the baselines on one replay of history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.duplicates.baselines import nearest_open, radius_and_type
from app.duplicates.features import Asking, Sighting
from app.duplicates.measure import ROUNDS, Pairs, by_item, interval, measure
from app.duplicates.model import Model
from app.duplicates.replay import History, Moment, replay

PLAIN = Path(__file__).parent / "weights" / "plain.json"
Scorer = Callable[[Asking, Sequence[Sighting]], list[float]]


def scorers(model: Model, plain: Model) -> dict[str, Scorer]:
    """Name all that are compared: the model first."""
    return {
        "model": model.scores,
        "plain_logistic": plain.scores,
        "radius_and_type": radius_and_type,
        "nearest_open": nearest_open,
    }


def score(
    history: History, moments: Iterable[Moment], compared: Mapping[str, Scorer], *, since: float = 0.0
) -> dict[str, Pairs]:
    """Score every candidate pair of the reports from a moment on; the earlier ones are candidates only."""
    scored = {name: Pairs() for name in compared}
    for moment in moments:
        if moment.request.opened < since:
            continue
        labelled = moment.request.id in history.parents
        for name, scores in compared.items():
            scored[name].add(
                moment.asking.item,
                scores(moment.asking, moment.sightings),
                true=moment.true,
                unknown=moment.unknown,
                labelled=labelled,
            )
    return scored


def evaluate(
    history: History, model: Model, plain: Model, *, since: float = 0.0, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Give the figures of the model, those of the baselines under ``baselines``, and the model's ``by_item``.

    ``better_by`` has for each baseline the interval of the difference of average precision, drawn in pairs: both are
    measured on the same draws of reports.
    """
    return figures_of(score(history, replay(history), scorers(model, plain), since=since), model, rounds=rounds)


def figures_of(scored: Mapping[str, Pairs], model: Model, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Give what ``evaluate`` gives of pairs that are scored already."""
    figures = {name: measure(pairs, rounds=rounds) for name, pairs in scored.items()}
    draws = {name: each.pop("draws") for name, each in figures.items()}
    own, mine = figures.pop("model"), scored["model"]
    shown = sum(best >= model.suggest_at for best in mine.best)
    joined = [true for value, true in zip(mine.score, mine.true, strict=True) if model.joins(value)]
    return {
        **own,
        "version": model.version,
        "shown_by_default": round(shown / max(1, len(mine.best)), 4),
        "joined_by_itself": {"pairs": len(joined), "right": sum(joined)},
        "better_by": {
            name: interval([ours - theirs for ours, theirs in zip(draws["model"], draws[name], strict=True)])
            for name in figures
            if rounds
        },
        "baselines": figures,
        "by_item": by_item(mine),
    }
