"""What all commands share: how they refuse (one line on standard error, exit code 1) and how they show progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup
from tqdm import tqdm

from app.errors import Problem

LINES = 10


class Commands(AppGroup):
    """A group of commands that says a Problem in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Problem as refusal:
            raise click.ClickException(str(refusal)) from refusal


@contextmanager
def progress_bar(total: int, doing: str, unit: str) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal, and a line for every tenth elsewhere."""
    if sys.stderr.isatty():
        with tqdm(total=total, unit=f" {unit}", desc=doing) as bar:
            yield bar.update
        return
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if total and before * LINES // total != done * LINES // total:
            click.echo(f"{doing}: {done:,} of {total:,} {unit}")

    yield advance
