"""Check and load a whole pack, part by part; what lies above the catalogue brings its own part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalogue.city import SESSION_KEY
from app.catalogue.errors import PackRefused
from app.catalogue.models import PackVersion
from app.catalogue.packs.faults import Fault, causes
from app.catalogue.packs.pack import Pack, read_pack
from app.catalogue.queries import ruling_conflicts
from app.versions import Progress

# The key of the advisory lock that lets one change of the lists at a time into a database: "pack" in ASCII.
LOCK = 0x7061636B


class PackPart(Protocol):
    """A kind of content of a pack: how it is checked and how it is loaded."""

    name: str

    def check(self, pack: Pack) -> Iterator[Fault]:
        """Find the faults of this kind of content."""
        ...

    def load(self, session: Session, pack: Pack, version: int, progress: Progress | None) -> dict[str, int]:
        """Make the pack's content current as of ``version``; give how many rows there are of what."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did. ``changed`` is false when the pack is the current version already."""

    version: int
    changed: bool
    counts: dict[str, int]
    notes: list[str]


def check_pack(folder: Path, parts: Sequence[PackPart]) -> tuple[Pack, list[Fault]]:
    """Read a pack and find its faults, in the order of files and lines; what only follows from others is left out."""
    pack = read_pack(folder)
    faults = list(pack.faults)
    if not any(fault.broken for fault in faults):
        faults += [fault for part in parts for fault in part.check(pack)]
    return pack, sorted(dict.fromkeys(causes(faults, reading=pack.faults)), key=_order)


def current_version(session: Session) -> PackVersion | None:
    """Give the newest version; None when nothing is loaded."""
    return session.scalars(select(PackVersion).order_by(PackVersion.number.desc()).limit(1)).one_or_none()


def lock_versions(session: Session) -> None:
    """Let nobody else make a version until the transaction ends; what is read after it stays the newest."""
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))


def load_pack(
    session: Session, pack: Pack, parts: Sequence[PackPart], *, now: dt.datetime, progress: Progress | None = None
) -> Loaded:
    """Make a checked pack the current version, all or nothing in the caller's transaction.

    One load at a time (an advisory lock until the transaction ends). The same files again change nothing. Raises
    PackRefused for a pack of another city than the database holds.
    """
    lock_versions(session)
    newest = current_version(session)
    if newest and newest.city_code != pack.code:
        raise PackRefused(
            f"This database holds the city {newest.city_code}, the pack is of {pack.code}. One database holds one city."
        )
    if newest and newest.digest == pack.digest:
        return Loaded(version=newest.number, changed=False, counts=dict(newest.counts), notes=list(newest.notes))
    number = newest.number + 1 if newest else 1
    counts: dict[str, int] = {}
    for part in parts:
        counts |= part.load(session, pack, number, progress)
    notes = ruling_conflicts(session)
    session.add(
        PackVersion(
            number=number,
            city_code=pack.code,
            loaded_at=now,
            digest=pack.digest,
            settings=pack.stored_settings,
            counts=counts,
            notes=notes,
        )
    )
    session.flush()
    session.info.pop(SESSION_KEY, None)
    return Loaded(version=number, changed=True, counts=counts, notes=notes)


def _order(fault: Fault) -> tuple[str, int, str]:
    digits = "".join(sign for sign in fault.where if sign.isdigit())
    return fault.file, int(digits or 0), fault.reason
