"""Training of the model on labelled history: a logistic with signs, validated in time, calibrated.

The signs make the score fall with distance and with time, whatever else is known. Wants scikit-learn (and the scipy
that comes with it), which the service itself does not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from app.duplicates import features
from app.duplicates.answers import Answer, Suggestion
from app.duplicates.baselines import PLAIN
from app.duplicates.features import NAMES, Priors, pair_key
from app.duplicates.measure import Flags, Floats
from app.duplicates.model import Model
from app.duplicates.replay import History, Moment, replay

SHOWN = 0.2
PRECISION = 0.95
LEAST_JOINS = 20
LEAST_DUPLICATES = 50
# Of pairs of different items, which are nine in ten, every tenth is learned from and stands for ten.
SPARSE = 10
# How many average pairs an item's own count is drawn to the mean by.
STRENGTH = 300.0
LEAST_ODDS = 0.2
RIDGE = 10.0
PLAIN_RIDGE = 0.5  # scikit-learn's own default, C = 1
PARTS = 5
# The last parts of the time, each judged by what was learned before it.
FOLDS = (0.4, 0.6, 0.8)
_ANY = (-math.inf, math.inf)
_DOWN = (-math.inf, 0.0)
_UP = (0.0, math.inf)
# fmt: off
SIGNS = {
    "here": _UP, "distance": _DOWN, "distance_other": _DOWN, "nearer": _DOWN, "gap": _DOWN, "gap_hour": _DOWN,
    "gap_week": _DOWN, "gap_other": _DOWN, "item_prior": _UP, "pair_prior": _UP,
}
# What history of offices cannot teach has a weight by hand until a city's own answers give one.
BY_HAND = {"asset": 1.5, "own": 1.0, "words": 1.5, "photo": 3.0}
# fmt: on
# So many answers of residents, of each kind, are enough to learn those from.
LEAST_ANSWERS = 100
# How many stand around tells of the place and not of the pair: measured, it made the model worse (docs/duplicates.md).
LEARNED = tuple(name for name in NAMES if name not in (*BY_HAND, "around"))
_ITEM, _PAIR = NAMES.index("item_prior"), NAMES.index("pair_prior")


@dataclass(frozen=True)
class Table:
    """Pairs to learn from. ``weight`` is how many each stands for, ``part`` a fifth of the reports by chance."""

    x: Floats
    y: Flags
    weight: Floats
    at: Floats
    part: npt.NDArray[np.int64]
    items: npt.NDArray[np.str_]
    pairs: npt.NDArray[np.str_]

    def only(self, chosen: Flags) -> Table:
        """Give the chosen rows."""
        return Table(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def __add__(self, other: Table) -> Table:
        """Give the rows of both."""
        return Table(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in self.__dataclass_fields__))


def collect(moments: Iterable[Moment]) -> Table:
    """Make the table of a replay: every pair of which the labels say what it is, of different items one in ten."""
    x: list[tuple[float, ...]] = []
    kept: list[tuple[bool, float, float, int, str, str]] = []
    for number, moment in enumerate(moments):
        chosen = [place for place in range(len(moment.sightings)) if _chosen(moment, place, number)]
        rows = features.rows(moment.asking, moment.sightings) if chosen else []
        for place in chosen:
            one, true = moment.sightings[place], place == moment.true
            weight = 1.0 if true or one.same_item else float(SPARSE)
            x.append(rows[place])
            pair = pair_key(moment.asking.item, one.item)
            kept.append((true, weight, moment.request.opened, number % PARTS, moment.asking.item, pair))
    return Table(np.array(x), *(np.array(column) for column in zip(*kept, strict=True)))


def collect_answers(answers: Sequence[Suggestion]) -> Table:
    """Make a table of what residents said, which is as good as a label."""
    x = [[float(answer.features.get(name, 0.0)) for name in NAMES] for answer in answers]
    pairs = [pair_key(answer.item_code, answer.other_code) for answer in answers]
    return Table(
        np.array(x).reshape(-1, len(NAMES)),
        np.array([answer.answer is Answer.SAME for answer in answers], dtype=bool),
        np.ones(len(answers)),
        np.array([answer.at.timestamp() for answer in answers]),
        np.array([answer.report_id.int % PARTS for answer in answers], dtype=np.int64),
        np.array([answer.item_code for answer in answers], dtype=np.str_),
        np.array(pairs, dtype=np.str_),
    )


def _chosen(moment: Moment, place: int, number: int) -> bool:
    if moment.unknown[place]:
        return False
    return moment.sightings[place].same_item or place == moment.true or (number + place) % SPARSE == 0


def learn_priors(table: Table) -> Priors:
    """Learn how often each item and each pair of items is the same problem, drawn to the mean where little is known."""
    same = table.x[:, NAMES.index("same_item")] > 0
    pairs = _odds(table.only(same), "pairs") | _odds(table.only(~same), "pairs")
    return Priors(_odds(table, "items"), pairs)


def _odds(table: Table, names: str) -> dict[str, float]:
    count: defaultdict[str, float] = defaultdict(float)
    found: defaultdict[str, float] = defaultdict(float)
    for name, weight, true in zip(getattr(table, names).tolist(), table.weight, table.y, strict=True):
        count[name] += weight
        found[name] += weight * true
    mean = max(1e-9, sum(found.values()) / max(1.0, sum(count.values())))
    odds = {name: math.log((found[name] / mean + STRENGTH) / (count[name] + STRENGTH)) for name in count}
    return {name: round(value, 2) for name, value in odds.items() if abs(value) >= LEAST_ODDS}


def with_priors(table: Table, priors: Priors) -> Floats:
    """Give the features with these priors."""
    x = table.x.copy()
    x[:, _ITEM] = [priors.items.get(name, 0.0) for name in table.items.tolist()]
    x[:, _PAIR] = [priors.pairs.get(name, 0.0) for name in table.pairs.tolist()]
    return x


def fit(table: Table, *, plain: bool = False) -> Model:
    """Fit weights and priors; ``plain`` takes the features of the plain logistic, without signs.

    While weights are learned, the priors of a report come from the other four fifths: it must not see itself.
    """
    x = table.x.copy()
    for part in range(PARTS):
        mine = table.part == part
        x[mine] = with_priors(table.only(mine), learn_priors(table.only(~mine)))
    names = PLAIN if plain else (*LEARNED, *_answered(table))
    used = [NAMES.index(name) for name in names]
    means = np.average(x[:, used], axis=0, weights=table.weight)
    spread = np.sqrt(np.average((x[:, used] - means) ** 2, axis=0, weights=table.weight))
    spread[spread < 1e-9] = np.inf  # noqa: PLR2004  # never seen otherwise: no weight
    bounds = [_ANY if plain else SIGNS.get(name, _ANY) for name in names]
    ridge = PLAIN_RIDGE if plain else RIDGE
    weights, intercept = _logistic((x[:, used] - means) / spread, table, bounds, ridge)
    learned = {name: round(float(value), 5) for name, value in zip(names, weights / spread, strict=True)}
    centre = dict(zip(names, means.round(5).tolist(), strict=True))
    by_hand = {} if plain else BY_HAND
    kept = {name: value for name, value in (by_hand | learned).items() if value}
    return Model("", intercept, kept, {name: centre[name] for name in kept if name in centre}, learn_priors(table))


def _answered(table: Table) -> list[str]:
    """Name the features that have weights by hand and were seen often enough, in pairs that are the same and others."""
    seen = {name: table.x[:, NAMES.index(name)] > 0 for name in BY_HAND}
    return [
        name
        for name, there in seen.items()
        if min(int((there & table.y).sum()), int((there & ~table.y).sum())) >= LEAST_ANSWERS
    ]


def _logistic(x: Floats, table: Table, bounds: list[tuple[float, float]], ridge: float) -> tuple[Floats, float]:
    """Minimise the weighted logistic loss and ``ridge`` times the squares, each weight within its bounds."""
    from scipy.optimize import minimize  # noqa: PLC0415  # training alone wants it

    y = table.y.astype(float)

    def loss(beta: Floats) -> tuple[float, Floats]:
        z = x @ beta[:-1] + beta[-1]
        value = float(np.sum(table.weight * (np.logaddexp(0, z) - y * z)) + ridge * np.sum(beta[:-1] ** 2))
        slope = table.weight * (_chance(z) - y)
        return value, np.append(x.T @ slope + 2 * ridge * beta[:-1], slope.sum())

    start = np.append(np.zeros(x.shape[1]), -6.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, _ANY], options={"maxiter": 500})
    return found.x[:-1], round(float(found.x[-1]), 5)


@dataclass(frozen=True)
class Trained:
    """The model, the plain logistic of the same months, and what the folds said: log odds, truth, weights."""

    model: Model
    plain: Model
    chance: Floats
    truth: Flags
    weight: Floats


def train(
    history: History, *, version: str, precision: float = PRECISION, answers: Sequence[Suggestion] = ()
) -> Trained:
    """Train on history: weights on all of it, calibration and thresholds on what earlier parts say of later ones.

    ``suggest_at`` is the highest of the folds' own cuts at a fifth of the reports: a later month that repeats more than
    those before it is shown about as much, and not more. Raises ValueError where history names too few duplicates.
    """
    moments = list(replay(history))
    if sum(moment.true is not None for moment in moments) < LEAST_DUPLICATES:
        raise ValueError(f"History names fewer than {LEAST_DUPLICATES} duplicates among the candidates: too few.")
    table = collect(moments)
    edges = [*np.quantile([moment.request.opened for moment in moments], FOLDS).tolist(), math.inf]
    logits, later, cuts = [], [], []
    for start, end in pairwise(edges):
        model = fit(table.only(table.at < start))
        judged = table.only((table.at >= start) & (table.at < end))
        logits.append(logit(model, judged))
        later.append(judged)
        best = [_best(model, moment) for moment in moments if start <= moment.request.opened < end]
        cuts.append(float(np.quantile(best, 1 - SHOWN)))
    truth, weight = np.concatenate([each.y for each in later]), np.concatenate([each.weight for each in later])
    scale, chance = calibrate(logits, truth, weight)
    made = fit(table + collect_answers(answers))
    shift = level(scale * logit(made, table), table)
    made = replace(made, version=version, scale=scale, shift=shift)
    join, joined = threshold(chance, truth, precision)
    facts = _facts(history, moments) | {"precision": precision, "joins_in_validation": joined, "answers": len(answers)}
    model = replace(made, suggest_at=round(made.calibrated(max(cuts)), 6), join_at=join, facts=facts)
    plain = replace(fit(table, plain=True), version=f"plain {version}", facts=facts)
    return Trained(model, plain, chance, truth, weight)


def _best(model: Model, moment: Moment) -> float:
    return max(model.logits(moment.asking, moment.sightings), default=-math.inf)


def _facts(history: History, moments: Sequence[Moment]) -> dict[str, Any]:
    return {
        "from": moments[0].request.opened,
        "until": moments[-1].request.opened,
        "reports": len(moments),
        "duplicates": sum(moment.request.id in history.parents for moment in moments),
    }


def logit(model: Model, table: Table) -> Floats:
    """Give the log odds, before calibration, of each row."""
    x = with_priors(table, model.priors)
    weights = np.array([model.weights.get(name, 0.0) for name in NAMES])
    means = np.array([model.means.get(name, 0.0) for name in NAMES])
    return np.asarray((x - means) @ weights + model.intercept)


def calibrate(logits: Sequence[Floats], truth: Flags, weight: Floats) -> tuple[float, Floats]:
    """Fit one scale of the log odds to what was seen, each fold with a shift of its own; give it and the chances.

    Platt 1999, "Probabilistic outputs". A storm in a fold makes all of it likelier than what came before had said:
    that is a matter of that fold, which the model has learned from in the end.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # training alone wants it

    folds = np.repeat(np.eye(len(logits)), [len(each) for each in logits], axis=0)
    columns = np.column_stack([np.concatenate(logits), folds])
    line = LogisticRegression(C=1e6, fit_intercept=False, max_iter=1000).fit(columns, truth, sample_weight=weight)
    return round(float(line.coef_[0][0]), 5), np.asarray(line.predict_proba(columns)[:, 1])


def level(logits: Floats, table: Table) -> float:
    """Find the shift with which the mean chance is the share of pairs that are the same."""
    from scipy.optimize import brentq  # noqa: PLC0415  # training alone wants it

    share = np.average(table.y, weights=table.weight)
    found = brentq(lambda shift: np.average(_chance(logits + shift), weights=table.weight) - share, -20, 20)
    return round(float(found), 5)


def _chance(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)))


def threshold(chance: Floats, truth: Flags, precision: float) -> tuple[float | None, int]:
    """Give the least chance above which at least so many of the pairs are true, and how many pairs those are.

    None where fewer than ``LEAST_JOINS`` pairs reach it: too few to promise anything.
    """
    order = np.argsort(-chance, kind="stable")
    right = np.cumsum(truth[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(right >= precision)
    last = int(good[-1]) + 1 if len(good) else 0
    return (round(float(chance[order[last - 1]]), 6), last) if last >= LEAST_JOINS else (None, last)
