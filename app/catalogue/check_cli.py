"""The command ``flask city check``: it reads the files of a folder and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from app.catalogue.packs import AreaPart, Fault, ListPart, PackPart, check_pack, has_errors

FOLDER = click.argument("folder", metavar="PATH", type=click.Path(exists=True, file_okay=False, path_type=Path))


def check_command(parts: Sequence[PackPart]) -> click.Command:
    """Make the command ``check``, which needs no settings and no database."""
    every: tuple[PackPart, ...] = (AreaPart(), ListPart(), *parts)

    @click.command("check")
    @FOLDER
    def check(folder: Path) -> None:
        """List every fault of the city pack in the folder PATH, with file, line and reason."""
        _, faults = check_pack(folder, every)
        print_faults(faults)
        if has_errors(faults):
            sys.exit(1)

    return check


def print_faults(faults: Sequence[Fault]) -> None:
    """Print the faults and their number."""
    for fault in faults:
        click.echo(str(fault))
    errors = sum(has_errors([fault]) for fault in faults)
    click.echo(f"{errors} errors, {len(faults) - errors} warnings")
