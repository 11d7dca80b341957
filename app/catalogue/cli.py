"""Commands of the catalogue: ``flask city check``, ``load``, ``sample``, ``areas`` and ``units``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from app.catalogue.check_cli import FOLDER, check_command, print_faults
from app.catalogue.errors import NoCity, PackRefused
from app.catalogue.lists_cli import areas, units
from app.catalogue.packs import (
    AreaPart,
    LeftBehind,
    ListPart,
    Loaded,
    PackPart,
    Succession,
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

_REFUSED = (
    "Nothing was loaded: what the pack drops is still used. --rehome moves open work and followers to the new lists, "
    "--keep leaves them as they are; --moved OLD=NEW names the successor of a code (docs/city-packs.md)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What a load does with open work, followers and accounts of dropped codes; ``moved`` names successors."""

    dry_run: bool
    rehome: bool
    keep: bool
    moved: Mapping[str, str]


def city_commands(parts: Sequence[PackPart], after: Callable[[Path], None], succession: Succession) -> click.Group:
    """Make the group ``city``; ``parts`` are those of the features above, loaded after areas and lists.

    ``after`` goes on with the folder once the pack is the current version, in transactions of its own. ``succession``
    knows what a reload leaves behind.
    """
    every: tuple[PackPart, ...] = (AreaPart(), ListPart(), *parts)
    commands = [check_command(parts), areas, units]
    group = click.Group("city", help="Check and load city packs; list areas and units.", commands=commands)

    @group.command("load")
    @FOLDER
    @click.option("--if-empty", is_flag=True, help="Do nothing when a pack is loaded already.")
    @click.option("--dry-run", is_flag=True, help="Say what the load would leave behind, and change nothing.")
    @click.option("--rehome", is_flag=True, help="Move open work and followers of dropped codes to the new lists.")
    @click.option("--keep", is_flag=True, help="Load although dropped codes are still used; nothing is moved.")
    @click.option("--moved", multiple=True, metavar="OLD=NEW", help="The successor of a code.")
    def load(folder: Path, *, if_empty: bool, dry_run: bool, rehome: bool, keep: bool, moved: Sequence[str]) -> None:
        """Load the city pack in the folder PATH as the next version: all of it, or nothing.

        A load that drops codes which open work, followers or accounts still use is refused without --rehome or --keep.
        """
        options = LoadOptions(dry_run=dry_run, rehome=rehome, keep=keep, moved=_read_moved(moved))
        if if_empty and _is_loaded():
            click.echo("A pack is loaded already.")
        else:
            _load(folder, every, succession, options)
        if not dry_run and _is_of(folder):
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


def _read_moved(values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if not all(old and new for old, _, new in pairs):
        raise click.BadParameter(f"{', '.join(values)}: it must be OLD=NEW, two codes of one kind")
    return {old: new for old, _, new in pairs}


def _is_loaded() -> bool:
    with Reading() as session:
        return current_version(session) is not None


def _is_of(folder: Path) -> bool:
    """Tell whether a folder is the pack of the city that the database holds."""
    with Reading() as session:
        known = current_version(session)
    return known is not None and read_settings(folder)[0].get("code") == known.city_code


def _load(folder: Path, parts: Sequence[PackPart], succession: Succession, options: LoadOptions) -> None:
    click.echo(f"Checking {folder} ...")
    pack, faults = check_pack(folder, parts)
    if has_errors(faults):
        print_faults(faults)
        raise click.ClickException("Nothing was loaded.")
    try:
        with progress_bar(pack.row_count, "Loading", "rows") as progress, Session.begin() as session:
            lift_limits(session)
            loaded = load_pack(session, pack, parts, now=utcnow(), progress=progress)
            left = succession.find(session, options.moved)
            refused = loaded.changed and _is_refused(left, loaded.version, options)
            if options.dry_run or refused:
                session.rollback()
    except PackRefused as refusal:
        raise click.ClickException(f"{refusal} Nothing was loaded.") from refusal
    _tell_left(left, loaded, refused=refused)
    if options.dry_run:
        click.echo("This was a dry run: nothing was loaded.")
        return
    _tell_loaded(loaded, warnings=len(faults))
    if options.rehome:
        succession.rehome(options.moved)


def _is_refused(left: Sequence[LeftBehind], version: int, options: LoadOptions) -> bool:
    """Tell whether this version drops what is still used, and nobody said what is to become of it."""
    decided = options.rehome or options.keep or options.dry_run
    return not decided and any(each.dropped_in == version for each in left)


def _tell_left(left: Sequence[LeftBehind], loaded: Loaded, *, refused: bool) -> None:
    """Name what uses a dropped code; that of earlier versions too, for ``--rehome`` moves it as well."""
    for each in left:
        now = loaded.changed and each.dropped_in == loaded.version
        click.echo(f"{'This pack drops' if now else 'Dropped before'}: {each}")
    if refused:
        raise click.ClickException(_REFUSED)


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
