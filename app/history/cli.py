"""``flask city load`` goes on with this: load the pack's history, batch by batch, with progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click

from app.catalogue.packs.pack import HISTORY
from app.console import progress_bar
from app.db import Reading, Session, lift_limits, utcnow
from app.history.rows import Request, Unreadable, count_rows, read_rows
from app.history.service import BATCH, Loader

FAULTS_SHOWN = 20


def load_history(folder: Path) -> None:
    """Load the requests of the past that lie in a pack's folder; what is there already stays as it is.

    Each batch is a transaction: what was interrupted goes on where it was.
    """
    path = folder / HISTORY
    if not path.exists():
        return
    with Reading() as session:
        loader = Loader.begin(session, now=utcnow())
    with progress_bar(count_rows(path), "History", "requests") as advance:
        for batch in _batches(read_rows(path, timezone=loader.city.timezone)):
            loader.ledger.faults += [row for row in batch if isinstance(row, Unreadable)]
            with Session.begin() as session:
                lift_limits(session)
                loader.load(session, [row for row in batch if isinstance(row, Request)])
            advance(len(batch))
    _tell(loader)


def _batches(rows: Iterable[Request | Unreadable]) -> Iterator[list[Request | Unreadable]]:
    every = iter(rows)
    while batch := list(islice(every, BATCH)):
        yield batch


def _tell(loader: Loader) -> None:
    ledger = loader.ledger
    click.echo(f"History: {ledger.loaded:,} requests loaded, {ledger.known:,} were there.")
    for fault in ledger.faults[:FAULTS_SHOWN]:
        click.echo(str(fault))
    if ledger.faults:
        click.echo(f"{len(ledger.faults):,} rows were left out, each for the reason that its line says.")
