"""Commands of photos: ``flask media doctor``, ``flask media mark``."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TextIO, TypeAlias
from uuid import UUID

import click
from sqlalchemy.orm import Session as SessionType

from app.console import Commands, progress_bar
from app.db import Reading, Session, utcnow
from app.media import doctor, orphans, service, states
from app.media.doctor import Finding, Ill
from app.media.marker import mark_store
from app.media.states import State

# Tells of photos to whom they belong, in words: photos know nothing of reports.
Owners: TypeAlias = Callable[[SessionType, Collection[UUID]], Mapping[UUID, str]]

_PAGE = 500
_DATE = click.DateTime(["%Y-%m-%d"])


@dataclass(slots=True)
class Walk:
    """How a walk is to be done, and how far it came: ``place`` is where to go on."""

    owners: Owners
    repairs: bool
    deep: bool
    since: dt.datetime | None
    place: str
    found: Counter[Ill] = field(default_factory=Counter)
    left: Counter[Ill] = field(default_factory=Counter)
    photos: int = 0


def media_commands(owners: Owners) -> Commands:
    """Make the commands of photos; ``owners`` says to what report or work order a photo belongs."""
    media = Commands("media", help="The pictures of reports and repairs.")

    @media.command("mark")
    def mark() -> None:
        """Mark the store that the settings name as the one of this database, after a move or a restore."""
        with Session.begin() as session:
            mark_store(session, service.current().store, now=utcnow(), take_over=True)
        click.echo("Marked.")

    @media.command("doctor")
    @click.option("--deep", is_flag=True, help="Read all that is stored: originals are compared by SHA-256.")
    @click.option(
        "--repair/--no-repair",
        default=None,
        help="Remove what no photo refers to, too; or change nothing. Without either rows are repaired.",
    )
    @click.option("--since", type=_DATE, help="Only photos stored since this day (UTC), and no look for orphans.")
    @click.option(
        "--unknown", type=click.File("w"), help="A file for the objects that no photo refers to, a line each."
    )
    @click.option("--after", "place", default="", metavar="PLACE", help="Go on where an interrupted walk told.")
    def examine(deep: bool, repair: bool | None, since: dt.datetime | None, unknown: TextIO | None, place: str) -> None:
        """Compare every photo with the store, and have made again what can be.

        The exit code is 0 when all is well, or will be once the jobs are done that this asked for, and 1 when
        something is left. It may run beside the service, and it may be interrupted.
        """
        if not re.fullmatch(r"[0-9a-f]{0,64}", place):
            raise click.BadParameter("That is no place that an interrupted walk told.", param_hint="--after")
        day = since.replace(tzinfo=dt.UTC) if since else None
        walk = Walk(owners, repairs=repair is not False, deep=deep, since=day, place=place)
        _walk_or_tell(walk)
        _tell(walk)
        if since is None:
            _look_for_orphans(remove=repair is True, listed=unknown)
        if walk.left:
            sys.exit(1)

    return media


def _walk_or_tell(walk: Walk) -> None:
    """Walk over all photos; where that is interrupted, by a person or a fault, say how to go on."""
    try:
        for page in _pages(walk):
            _examine(walk, page)
            walk.place, walk.photos = page[-1].digest, walk.photos + len(page)
    except BaseException:
        _tell(walk)
        click.echo(f"Interrupted. To go on, add: --after {walk.place}" if walk.place else "Interrupted.", err=True)
        raise


def _pages(walk: Walk) -> Iterator[list[State]]:
    start, last = walk.place, None
    with Reading() as session:
        total = states.count(session, start=start, since=walk.since)
    with progress_bar(total, "Examining", "photos") as progress:
        while True:
            with Reading() as session:
                page = states.page(session, start=start, after=last, since=walk.since, limit=_PAGE)
            if not page:
                return
            yield page
            progress(len(page))
            last = page[-1]


def _examine(walk: Walk, page: Sequence[State]) -> None:
    with Reading() as session:
        findings = doctor.examine(session, service.current().store, page, deep=walk.deep)
    for finding in findings if walk.repairs else ():
        with Session.begin() as session:
            doctor.repair(session, finding)
    left = {finding: finding.left if walk.repairs else finding.ills for finding in findings}
    for finding in findings:
        walk.found.update(finding.ills)
        walk.left.update(left[finding])
    _name({finding: ills for finding, ills in left.items() if ills}, walk.owners)


def _name(left: Mapping[Finding, Sequence[Ill]], owners: Owners) -> None:
    """Print a line for each photo of which something is left, so that a person knows whose it is."""
    if not left:
        return
    with Reading() as session:
        named = owners(session, [finding.state.id for finding in left])
    for finding, ills in left.items():
        owner = named.get(finding.state.id, "of nobody, claimed by no report or work order")
        why = f" ({finding.fault})" if finding.fault else ""
        click.echo(f"photo {finding.state.id}, {owner}: {', '.join(ills)}{why}")


def _tell(walk: Walk) -> None:
    click.echo(f"{walk.photos:,} photos were looked at.")
    if not walk.found:
        return
    click.echo(f"{'':40}{'found':>10}{'repaired':>10}{'left':>10}")
    for ill in Ill:
        if found := walk.found[ill]:
            left = walk.left[ill]
            click.echo(f"{ill:40}{found:10,}{found - left:10,}{left:10,}")


def _look_for_orphans(*, remove: bool, listed: TextIO | None) -> None:
    """Tell of the objects that no photo refers to, however new; ``listed`` gets the moment and the key of each."""
    now, media = utcnow(), service.current()
    with Reading() as session:
        if remove:
            removed = service.sweep(session, media, now=now)
            click.echo(f"{removed:,} objects that no photo refers to were removed.")
        old = new = 0
        before = service.swept_before(session, now=now)
        for stored in chain.from_iterable(orphans.find(session, media.store, before=now)):
            old, new = old + (stored.put_at < before), new + (stored.put_at >= before)
            if listed is not None:
                listed.write(f"{stored.put_at.isoformat()} {stored.key}\n")
    if not remove:
        left = ", left to the hourly sweep" if old else ""
        click.echo(f"{old:,} objects that no photo refers to{left}.")
    if new:
        click.echo(f"{new:,} more are too new for the sweep: of requests under way, or newer than a restored database.")
