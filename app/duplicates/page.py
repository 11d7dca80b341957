"""The page about duplicates: figures beside the baselines as tables, curves and calibration as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.duplicates import features
from app.duplicates.evaluation import figures_of, score, scorers
from app.duplicates.measure import FIRST, RECALLS, SHOWN, Floats, Pairs, Sorted
from app.duplicates.replay import History, replay
from app.duplicates.training import LEAST_JOINS, Trained

_TITLES = {
    "model": "the model",
    "plain_logistic": "plain logistic",
    "radius_and_type": "radius and same type",
    "nearest_open": "nearest open one of the type",
}
_ROWS = (
    ("average_precision", "average precision"),
    *((f"precision_at_recall.{at}", f"precision at recall {at}") for at in RECALLS),
    *((f"recall_at_{most}", f"the parent among the first {most} of the reachable") for most in FIRST),
    *((f"recall_when_shown.{at:.2f}", f"recall when {at:.0%} of reports are shown one") for at in SHOWN),
    ("ceiling", "ceiling"),
)
_BINS = 10
_SIZE = (6.4, 4.0)


def table(figures: Mapping[str, Any]) -> str:
    """Give the figures in Markdown, the model beside the baselines, then by item."""
    return "\n".join(_tables(figures))


def _tables(figures: Mapping[str, Any]) -> Iterator[str]:
    compared = {"model": figures, **figures["baselines"]}
    yield f"| | {' | '.join(_TITLES[name] for name in compared)} |"
    yield "|---" * (len(compared) + 1) + "|"
    for name, title in _ROWS:
        yield f"| {title} | " + " | ".join(_cell(each, name) for each in compared.values()) + " |"
    yield ""
    differences = (
        f"{low:+.3f} to {high:+.3f} over {_TITLES[name]}" for name, (low, high) in figures["better_by"].items()
    )
    yield f"Average precision on the same draws of reports: {'; '.join(differences)}."
    yield ""
    yield (
        f"{figures['reports']:,} reports, {figures['pairs']:,} candidate pairs, {figures['duplicates']:,} duplicates "
        f"whose parent came first; {figures['reachable']:,} of those are candidates: a ceiling of "
        f"{figures['ceiling']:.3f}. Of {figures['unknown']:,} pairs the labels do not say whether they are the same; "
        f"they count as wrong. Without them the average precision is {figures['average_precision_of_known']:.3f}."
    )
    yield (
        f"By default {figures['shown_by_default']:.1%} of reports are shown a suggestion; "
        f"{figures['joined_by_itself']['pairs']} pairs would be joined by the model alone, "
        f"{figures['joined_by_itself']['right']} of them rightly."
    )
    yield ""
    yield "| item | duplicates | average precision | first | among three | ceiling |"
    yield "|---|---:|---:|---:|---:|---:|"
    for item, each in figures["by_item"].items():
        own = " | ".join(f"{each[name]:.3f}" for name in ("average_precision", "recall_at_1", "recall_at_3", "ceiling"))
        yield f"| {item} | {each['duplicates']} | {own} |"


def _cell(figures: Mapping[str, Any], name: str) -> str:
    outer, _, inner = name.partition(".")
    value = figures[outer][inner] if inner else figures[outer]
    interval = figures["intervals"].get(name)
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else f"{value:.3f}"


def write(output: Path, history: History, trained: Trained, *, since: float, rounds: int, source: str) -> None:
    """Measure what was trained on the reports since a moment, and write the page and its two pictures beside it."""
    scored = score(history, replay(history), scorers(trained.model, trained.plain), since=since)
    figures = figures_of(scored, trained.model, rounds=rounds)
    curve, calibration = (output.with_name(f"{output.stem}-{name}.svg") for name in ("curve", "calibration"))
    output.parent.mkdir(parents=True, exist_ok=True)
    _draw_curves(curve, scored)
    _draw_calibration(calibration, scored["model"])
    text = (
        Path(__file__)
        .with_suffix(".md")
        .read_text(encoding="utf-8")
        .format(
            source=source,
            tables=table(figures),
            weights="\n".join(_weights(trained)),
            curve=curve.name,
            calibration=calibration.name,
            shown=f"{figures['shown_by_default']:.1%}",
            joining=_joining(trained, figures),
            nearest=features.NEAREST,
            own=features.NEAREST_OF_ITEM,
        )
    )
    output.write_text(text, encoding="utf-8")


def _joining(trained: Trained, figures: Mapping[str, Any]) -> str:
    model, joined = trained.model, figures["joined_by_itself"]
    if model.join_at is None:
        return (
            f"no score kept a precision of {model.facts['precision']:.2f} in validation over {LEAST_JOINS} pairs: "
            "it joins nothing, since the labels miss too many duplicates to promise that"
        )
    return f"from {model.join_at:.3f} on it joined {joined['pairs']} held-out pairs, {joined['right']} of them rightly"


def _weights(trained: Trained) -> Iterator[str]:
    yield "| feature | weight |"
    yield "|---|---:|"
    for name in features.NAMES:
        if name in trained.model.weights:
            yield f"| {name} | {trained.model.weights[name]:+.3f} |"


def _draw_curves(path: Path, scored: Mapping[str, Pairs]) -> None:
    plot, axes = _axes("recall", "precision")
    for name, pairs in scored.items():
        labelled = float(sum(pairs.labelled)) or 1.0
        recall, precision = Sorted.of(pairs).curve(np.ones(len(pairs.items)), labelled)
        axes.step(*_thin(recall, precision), where="post", label=_TITLES[name], linewidth=1.2)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)
    _save(plot, path)


def _thin(recall: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Leave out what no eye tells apart: one point a thousandth of recall."""
    _, first = np.unique(np.round(recall, 3), return_index=True)
    return recall[first], precision[first]


def _draw_calibration(path: Path, pairs: Pairs) -> None:
    score, true, unknown = np.array(pairs.score), np.array(pairs.true, dtype=float), np.array(pairs.unknown, dtype=bool)
    plot, axes = _axes("what the model says", "share that is labelled as the same")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for title, counted in (("every pair", np.ones(len(score), dtype=bool)), ("pairs that labels tell of", ~unknown)):
        order = np.flatnonzero(counted)[np.argsort(score[counted])][-max(_BINS, 20 * int(true.sum())) :]
        said, seen = zip(
            *((score[each].mean(), true[each].mean()) for each in np.array_split(order, _BINS)), strict=True
        )
        axes.plot(said, seen, marker="o", linewidth=1.2, label=title)
    axes.set_xlim(0, top := max(*said, *seen) * 1.2)
    axes.set_ylim(0, top)
    axes.legend(frameon=False)
    _save(plot, path)


def _axes(across: str, up: str) -> tuple[Any, Any]:
    import matplotlib as mpl  # noqa: PLC0415  # pictures alone want it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "duplicates", "svg.fonttype": "none", "font.size": 9})
    plot = Figure(figsize=_SIZE, layout="constrained")
    axes = plot.subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return plot, axes


def _save(plot: Any, path: Path) -> None:
    plot.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
    lines: Sequence[str] = path.read_text().splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")
