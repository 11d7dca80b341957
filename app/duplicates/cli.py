"""Commands of duplicates: measure, train, and write the page about it."""

from __future__ import annotations

import csv
import datetime as dt
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.console import Commands
from app.duplicates.model import DEFAULT, Model, read_model, write_model

if TYPE_CHECKING:
    from app.duplicates.replay import History
    from app.duplicates.training import Trained

duplicates = Commands("duplicates", help="Measure and train what finds duplicates.")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_DATE = click.DateTime(["%Y-%m-%d"])
_PAIRS = click.option("--pairs", type=_FILE, help="The labels: child_id, parent_id. Without: the file's duplicate_of.")
_ROUNDS = click.option("--rounds", type=click.IntRange(1), default=200, show_default=True, help="Bootstrap rounds.")
_PRECISION = click.option(
    "--precision", type=click.FloatRange(0.5, 1), default=0.95, show_default=True,
    help="What joining by itself must keep, by validation in time.",
)  # fmt: skip


@duplicates.command("evaluate")
@click.argument("path", type=_FILE)
@_PAIRS
@click.option("--weights", type=_FILE, default=DEFAULT, help="The weights to measure; the default's unless named.")
@click.option("--plain", type=_FILE, help="The weights of the plain logistic beside it; the default's unless named.")
@click.option("--since", type=_DATE, help="Measure the reports from this day on; earlier ones are candidates only.")
@click.option("--walk-forward", type=_DATE, help="Train both on what came before this day, and measure the rest.")
@_ROUNDS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate_history(
    path: Path, *, pairs: Path | None, weights: Path, plain: Path | None, since: dt.datetime | None,
    walk_forward: dt.datetime | None, rounds: int, as_json: bool,
) -> None:  # fmt: skip
    """Replay labelled history (CSV, also .gz) and print how well its duplicates are found."""
    from app.duplicates.evaluation import PLAIN, evaluate  # noqa: PLC0415  # numpy is no load for other commands
    from app.duplicates.page import table  # noqa: PLC0415

    history, start = _read(path, pairs), walk_forward or since
    if walk_forward:
        trained = _train(_until(history, walk_forward), f"before {walk_forward:%Y-%m-%d}")
        model, simple = trained.model, trained.plain
    else:
        model, simple = _weights(weights), _weights(plain or PLAIN)
        _warn_of_the_past(history, model, start)
    figures = evaluate(history, model, simple, since=_moment(start), rounds=rounds)
    click.echo(json.dumps(figures, ensure_ascii=False, indent=1) if as_json else table(figures))


@duplicates.command("train")
@click.argument("path", type=_FILE)
@_PAIRS
@click.option("--until", type=_DATE, help="Learn from the reports before this day only.")
@click.option("--labels", is_flag=True, help="Learn from the answers of this city's residents too (its database).")
@_PRECISION
@click.option("--output", type=_OUT, required=True, help="Where the weights go: duplicates.json of a city pack.")
@click.option("--plain", type=_OUT, help="Where those of the plain logistic go, if anywhere.")
@click.option("--version", default="", help="The name of these weights; the file's name and last day unless given.")
def train_model(
    path: Path, *, pairs: Path | None, until: dt.datetime | None, labels: bool, precision: float, output: Path,
    plain: Path | None, version: str,
) -> None:  # fmt: skip
    """Train on labelled history and write the weights. Needs what `python3 -m dev setup --tests` installs."""
    history = _until(_read(path, pairs), until)
    last = dt.datetime.fromtimestamp(history.requests[-1].opened, dt.UTC).date()
    trained = _train(
        history,
        version or f"{path.name.partition('.')[0]} until {last}",
        precision=precision,
        answers=_answers() if labels else (),
    )
    write_model(trained.model, output)
    if plain:
        write_model(trained.plain, plain)
    click.echo(f"{output} is written. {trained.model.facts['answers']} answers of residents were learned from.")
    click.echo(_say_joining(trained.model))


@duplicates.command("page")
@click.argument("path", type=_FILE)
@_PAIRS
@click.option("--walk-forward", type=_DATE, required=True, help="Train on what came before, and measure the rest.")
@_ROUNDS
@click.option("--output", type=_OUT, default=Path("docs/duplicates.md"), show_default=True)
def write_page(path: Path, pairs: Path | None, walk_forward: dt.datetime, rounds: int, output: Path) -> None:
    """Train, measure, and write the page with its pictures. Needs what `python3 -m dev setup --tests` installs."""
    from app.duplicates.page import write  # noqa: PLC0415  # numpy is no load for other commands

    history = _read(path, pairs)
    trained = _train(_until(history, walk_forward), f"before {walk_forward:%Y-%m-%d}")
    write(output, history, trained, since=_moment(walk_forward), rounds=rounds, source=path.name)
    click.echo(f"{output} is written.")


def _read(path: Path, pairs: Path | None) -> History:
    from app.duplicates.replay import read_history  # noqa: PLC0415  # beside the others

    try:
        history = read_history(path, pairs)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError) as refusal:
        raise click.ClickException(f"{path} cannot be read as history: {refusal}") from refusal
    if history.left_out:
        click.echo(f"{history.left_out:,} rows without a moment or a place of their own are left out.", err=True)
    return history


def _until(history: History, day: dt.datetime | None) -> History:
    if day is None:
        return history
    earlier = [one for one in history.requests if one.opened < _moment(day)]
    if not earlier:
        raise click.ClickException(f"Nothing was filed before {day:%Y-%m-%d}: there is nothing to learn from.")
    return history._replace(requests=earlier)


def _train(history: History, version: str, **more: Any) -> Trained:
    try:
        from app.duplicates.training import train  # noqa: PLC0415  # the service has no scikit-learn

        return train(history, version=version, **more)
    except ImportError as refusal:
        message = f"{refusal}. Training needs requirements-dev.txt: python3 -m dev setup --tests"
        raise click.ClickException(message) from refusal
    except ValueError as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _weights(path: Path) -> Model:
    try:
        return read_model(path)
    except ValueError as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _answers() -> Any:
    from app.db import Reading  # noqa: PLC0415  # the one option that wants the database
    from app.duplicates.answers import read_answers  # noqa: PLC0415

    with Reading() as session:
        return read_answers(session)


def _warn_of_the_past(history: History, model: Model, start: dt.datetime | None) -> None:
    first = max(history.requests[0].opened, _moment(start))
    if model.facts and model.facts["from"] <= first <= model.facts["until"]:
        day = dt.datetime.fromtimestamp(model.facts["until"], dt.UTC)
        message = (
            f"Warning: these weights may have learned from reports until {day:%Y-%m-%d}; --walk-forward is honest."
        )
        click.echo(message, err=True)


def _moment(day: dt.datetime | None) -> float:
    return day.replace(tzinfo=dt.UTC).timestamp() if day else 0.0


def _say_joining(model: Model) -> str:
    promised = f"a precision of {model.facts['precision']:.2f}"
    if model.join_at is None:
        return f"No score kept {promised} in validation: the machine joins nothing by the model."
    return f"The machine joins from {model.join_at:.3f} on: {promised}, {model.facts['joins_in_validation']} pairs."
