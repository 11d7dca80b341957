"""The command ``flask city check``: it reads the files of a folder and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from app.catalogue.packs import AreaPart, Fault, ListPart, PackPart, check_pack, has_errors
from app.catalogue.packs.summary import summary_of

FOLDER = click.argument("folder", metavar="PATH", type=click.Path(exists=True, file_okay=False, path_type=Path))


def check_command(parts: Sequence[PackPart]) -> click.Command:
    """Make the command ``check``, which needs no settings and no database."""
    every: tuple[PackPart, ...] = (AreaPart(), ListPart(), *parts)

    @click.command("check")
    @FOLDER
    def check(folder: Path) -> None:
        """List the faults of the city pack in the folder PATH, and what the pack holds where there is no error.

        Ends with 1 when there is an error. A file that cannot be read is told first and alone.
        """
        pack, faults = check_pack(folder, every)
        if not has_errors(faults):
            for line in summary_of(pack):
                click.echo(line)
        print_faults(faults)
        if has_errors(faults):
            sys.exit(1)

    return check


def print_faults(faults: Sequence[Fault]) -> None:
    """Print the faults and their number."""
    for fault in faults:
        click.echo(str(fault))
    if any(fault.broken for fault in faults):
        click.echo("Mend this first: what depends on it was not checked.")
    errors = sum(has_errors([fault]) for fault in faults)
    click.echo(f"{errors} errors, {len(faults) - errors} warnings")
