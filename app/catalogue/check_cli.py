"""The command ``flask city check``: it reads the files of a folder and nothing else."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from app.catalogue.adjusted_days import missing_years, reach, say_missing
from app.catalogue.packs import AreaPart, Fault, ListPart, Pack, PackPart, check_pack, has_errors, warning
from app.catalogue.packs.summary import summary_of
from app.catalogue.values import Duration
from app.db import utcnow

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
            faults += calendar_gaps(pack, utcnow().date())
            for line in summary_of(pack):
                click.echo(line)
        print_faults(faults)
        if has_errors(faults):
            sys.exit(1)

    return check


def calendar_gaps(pack: Pack, today: dt.date) -> Iterator[Fault]:
    """Warn of years that deadlines may reach and whose adjusted working days nobody knows."""
    calendar = str(pack.settings["working_calendar"])
    last = reach((Duration(row["handle_amount"], row["handle_unit"]) for row in pack.items.rows), today)
    known = [row["date"] for row in pack.calendar.rows]
    for year in missing_years(calendar, known, first=today, last=last):
        yield warning("calendar.csv", "", say_missing(year, calendar))


def print_faults(faults: Sequence[Fault]) -> None:
    """Print the faults and their number."""
    for fault in faults:
        click.echo(str(fault))
    if any(fault.broken for fault in faults):
        click.echo("Mend this first: what depends on it was not checked.")
    errors = sum(has_errors([fault]) for fault in faults)
    click.echo(f"{errors} errors, {len(faults) - errors} warnings")
