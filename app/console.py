"""What all commands share: a refusal is one line on standard error and exit code 1, never a traceback."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from app.errors import Problem


class Commands(AppGroup):
    """A group of commands that says a Problem in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Problem as refusal:
            raise click.ClickException(str(refusal)) from refusal
