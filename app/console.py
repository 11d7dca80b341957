"""What all commands share: how they refuse (one line on standard error, exit code 1) and how they show progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click
import psycopg
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tqdm import tqdm

from app.errors import Problem
from app.outages import outage_of

LINES = 10


class Commands(AppGroup):
    """A group of commands that says a Problem in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Problem as refusal:
            raise click.ClickException(str(refusal)) from refusal


def in_one_line(command: click.Command) -> click.Command:
    """Let a command, and those below it, tell in one line that the database is not available."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            in_one_line(each)
    elif command.callback is not None and not hasattr(command.callback, "in_one_line"):
        command.callback = _told(command.callback)
    return command


def _told(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def call(*args: Any, **named: Any) -> Any:
        try:
            return callback(*args, **named)
        except (DBAPIError, psycopg.Error, PoolTimeout) as error:
            outage = outage_of(error)
            if outage is None:
                raise
            said = str(getattr(error, "orig", error)).strip().partition("\n")[0]
            raise click.ClickException(f"The database {outage.explain()}: {said}") from error

    vars(call)["in_one_line"] = True
    return call


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
