"""Verbs of open data: write the files of a day, keep them, forget old ones, say whether and when some are due."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalogue.city import City
from app.db import lift_limits
from app.opendata.geoparquet import ParquetFile
from app.opendata.records import read_records
from app.opendata.shelf import DataFile, Edition, Format, Shelf
from app.opendata.tables import CsvFile
from app.publicmap.models import MapPoint

# The hour of the city from which on the files of a day are due; the job looks each hour.
HOUR = 3
_DIGITS = 16
_CHUNK_BYTES = 1 << 20
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Drafts:
    """The files while they are written: without a name, so that they are gone with the process whatever ends it."""

    streams: dict[Format, BinaryIO]


@contextmanager
def open_drafts() -> Iterator[Drafts]:
    """Open the files to write to, in the folder of temporary files."""
    with ExitStack() as ending:
        yield Drafts({each: ending.enter_context(tempfile.TemporaryFile()) for each in Format})


def count_rows(session: Session) -> int:
    """Count what the files will hold."""
    return session.scalar(select(func.count()).select_from(MapPoint)) or 0


def write(
    session: Session, drafts: Drafts, *, city: City, root: str, now: dt.datetime, progress: Progress | None = None
) -> int:
    """Write all that everybody may see at the moment of a ``Snapshot``; give how many work orders that are.

    ``root`` is the public address. It takes as much memory for a million as for some thousands.
    """
    lift_limits(session)
    streams, tell = drafts.streams, progress or (lambda _: None)
    rows = 0
    with (
        closing(CsvFile(streams[Format.CSV], streams[Format.CSV_GZ], city.timezone)) as table,
        closing(ParquetFile(streams[Format.PARQUET], describe(city))) as parquet,
    ):
        for records in read_records(session, city=city, root=root, now=now):
            table.write(records)
            parquet.write(records)
            rows += len(records)
            tell(len(records))
    return rows


def keep(shelf: Shelf, drafts: Drafts, rows: int, *, city: City, now: dt.datetime, days: int) -> Edition:
    """Put what was written on the shelf as the edition of today, and remove those older than ``days``.

    Another one of the same day takes its place. It is remote and slow: call it outside of transactions.
    """
    day = today(city, now)
    files = tuple(_put(shelf, each, stream, day) for each, stream in drafts.streams.items())
    edition = Edition(day=day, made_at=now.replace(microsecond=0), rows=rows, files=files)
    others = [each for each in shelf.editions() if each.day != day and each.day > day - dt.timedelta(days=days)]
    shelf.keep(_newest_first([edition, *others]), describe(city), now=now)
    return edition


def forget(shelf: Shelf, *, city: City, now: dt.datetime) -> int:
    """Remove all editions but the newest one; give how many."""
    editions = shelf.editions()
    shelf.keep(editions[:1], describe(city), now=now)
    return len(editions[1:])


def is_due(shelf: Shelf, *, city: City, now: dt.datetime) -> bool:
    """Tell whether the files of today are still to be written, in the quiet hour or after it."""
    return now.astimezone(city.timezone).hour >= HOUR and all(each.day != today(city, now) for each in shelf.editions())


def next_day(city: City, now: dt.datetime, editions: Sequence[Edition]) -> dt.date:
    """Give the day whose files are written next: today, or tomorrow where those of today are there."""
    day = today(city, now)
    return day + dt.timedelta(days=any(edition.day == day for edition in editions))


def today(city: City, now: dt.datetime) -> dt.date:
    """Give the day that it is in the city."""
    return now.astimezone(city.timezone).date()


def attribution(city: City) -> str:
    """Give whom to name with the data."""
    return city.open_data.attribution or city.attribution


def describe(city: City) -> dict[str, str]:
    """Say in the files themselves whose data it is and what may be done with it; what is not known is left out."""
    known = {
        "title": city.name(city.languages[0]),
        "licence": city.open_data.licence,
        "licence_url": city.open_data.licence_url,
        "attribution": attribution(city),
    }
    return {name: value for name, value in known.items() if value}


def _put(shelf: Shelf, wanted: Format, stream: BinaryIO, day: dt.date) -> DataFile:
    digest = _digest(stream)
    size = stream.tell()
    stream.seek(0)
    file = DataFile(f"work-orders-{day}-{digest[:_DIGITS]}.{wanted}", wanted, size, digest)
    shelf.put(file, stream)
    return file


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while part := stream.read(_CHUNK_BYTES):
        digest.update(part)
    return digest.hexdigest()


def _newest_first(editions: Sequence[Edition]) -> list[Edition]:
    return sorted(editions, key=lambda edition: edition.day, reverse=True)
