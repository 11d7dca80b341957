"""Commands of the catalogue: ``flask city check``, ``load``, ``sample``, ``areas`` and ``units``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from app.catalogue.errors import NoCity, PackRefused
from app.catalogue.lists_cli import areas, units
from app.catalogue.packs import (
    AreaPart,
    Fault,
    ListPart,
    Loaded,
    PackPart,
    check_pack,
    current_version,
    has_errors,
    load_pack,
)
from app.catalogue.packs.settings import read_settings
from app.catalogue.queries import sample_item
from app.console import progress_bar
from app.db import Reading, Session, lift_limits, utcnow
from app.geo.service import sample_point

_FOLDER = click.argument("folder", metavar="PATH", type=click.Path(exists=True, file_okay=False, path_type=Path))


def check_command(parts: Sequence[PackPart]) -> click.Command:
    """Make the command ``check``. It reads the files of a folder and nothing else: no settings, no database."""
    every: tuple[PackPart, ...] = (AreaPart(), ListPart(), *parts)

    @click.command("check")
    @_FOLDER
    def check(folder: Path) -> None:
        """List every fault of the city pack in the folder PATH, with file, line and reason."""
        _, faults = check_pack(folder, every)
        _tell(faults)
        if has_errors(faults):
            sys.exit(1)

    return check


def city_commands(parts: Sequence[PackPart], after: Callable[[Path], None]) -> click.Group:
    """Make the group ``city``; ``parts`` are those of the features above, loaded after areas and lists.

    ``after`` goes on with the folder once the pack is the current version, in transactions of its own.
    """
    every: tuple[PackPart, ...] = (AreaPart(), ListPart(), *parts)
    commands = [check_command(parts), areas, units]
    group = click.Group("city", help="Check and load city packs; list areas and units.", commands=commands)

    @group.command("load")
    @_FOLDER
    @click.option("--if-empty", is_flag=True, help="Do nothing when a pack is loaded already.")
    def load(folder: Path, *, if_empty: bool) -> None:
        """Load the city pack in the folder PATH as the next version: all of it, or nothing."""
        if if_empty and _is_loaded():
            click.echo("A pack is loaded already.")
        else:
            _load(folder, every)
        if _is_of(folder):
            after(folder)

    @group.command("sample")
    def sample() -> None:
        """Print longitude, latitude and item of an example inside the city, on one line."""
        with Reading() as session:
            point, item = sample_point(session), sample_item(session)
        if point is None or item is None:
            raise click.ClickException(NoCity().detail)
        click.echo(f"{point.lon} {point.lat} {item}")

    return group


def _is_loaded() -> bool:
    with Reading() as session:
        return current_version(session) is not None


def _is_of(folder: Path) -> bool:
    """Tell whether a folder is the pack of the city that the database holds."""
    with Reading() as session:
        known = current_version(session)
    return known is not None and read_settings(folder)[0].get("code") == known.city_code


def _load(folder: Path, parts: Sequence[PackPart]) -> None:
    click.echo(f"Checking {folder} ...")
    pack, faults = check_pack(folder, parts)
    if has_errors(faults):
        _tell(faults)
        raise click.ClickException("Nothing was loaded.")
    try:
        with progress_bar(pack.row_count, "Loading", "rows") as progress, Session.begin() as session:
            lift_limits(session)
            loaded = load_pack(session, pack, parts, now=utcnow(), progress=progress)
    except PackRefused as refusal:
        raise click.ClickException(f"{refusal} Nothing was loaded.") from refusal
    _tell_loaded(loaded, warnings=len(faults))


def _tell(faults: Sequence[Fault]) -> None:
    for fault in faults:
        click.echo(str(fault))
    errors = sum(has_errors([fault]) for fault in faults)
    click.echo(f"{errors} errors, {len(faults) - errors} warnings")


def _tell_loaded(loaded: Loaded, *, warnings: int) -> None:
    if not loaded.changed:
        click.echo(f"Nothing changed: version {loaded.version} holds these files already.")
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in loaded.counts.items())
    click.echo(f"Loaded as version {loaded.version}: {counts}.")
    if warnings:
        click.echo(f"{warnings} warnings; `flask city check` lists them.")
    for note in loaded.notes:
        click.echo(f"Note: {note}")
