"""Where the files lie: under names of their day and content, and ``index.json``, which is put last.

A file never changes under its name. Who reads the index before it is put finds the files of before, who reads it after
finds those of now; so nobody sees half of anything, whoever is killed wherever, and however many write at once.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from app.media.store import NoSuchObject, ObjectStore
from app.opendata.errors import NoSuchFile

FOLDER = "open-data"
INDEX = "index.json"
# Files that no index names: of one who was killed, or who is just about to put theirs.
SPARED = dt.timedelta(days=1)
# The names of files, and of what an interrupted put leaves beside one.
_OURS = re.compile(r"work-orders-\d{4}-\d\d-\d\d-[0-9a-f]{16}\.|index\.json\.")


class Format(StrEnum):
    """A format; its value is the end of the name."""

    PARQUET = "parquet"
    CSV = "csv"
    CSV_GZ = "csv.gz"

    @property
    def media_type(self) -> str:
        """Give the type by which it is sent."""
        return {
            Format.PARQUET: "application/vnd.apache.parquet",
            Format.CSV: "text/csv; charset=utf-8",
            Format.CSV_GZ: "application/gzip",
        }[self]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file: its name, format, size in bytes, and SHA-256 in hexadecimal."""

    name: str
    format: Format
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Edition:
    """The files of a day of the city."""

    day: dt.date
    made_at: dt.datetime
    rows: int
    files: tuple[DataFile, ...]

    def file_of(self, wanted: Format) -> DataFile | None:
        """Give the file of a format."""
        return next((file for file in self.files if file.format is wanted), None)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder ``open-data`` of a store."""

    store: ObjectStore

    def editions(self) -> list[Edition]:
        """Give what there is, the newest first; nothing before the first time. Raises StoreUnavailable."""
        try:
            content = json.loads(self.read_index())
        except NoSuchFile:
            return []
        return [_read(edition) for edition in content["editions"]]

    def read_index(self) -> bytes:
        """Give the index as it is published. Raises NoSuchFile before there is any."""
        try:
            return self.store.get(self._key(INDEX))
        except NoSuchObject as fault:
            raise NoSuchFile("None was written yet.") from fault

    def find(self, name: str) -> tuple[Edition, DataFile]:
        """Find a file. Raises NoSuchFile for one that the index does not name."""
        named = ((edition, file) for edition in self.editions() for file in edition.files if file.name == name)
        found = next(named, None)
        if found is None:
            raise NoSuchFile("index.json names those that there are.")
        return found

    def latest(self, wanted: Format) -> DataFile:
        """Give the newest file of a format. Raises NoSuchFile before there is any."""
        found = next((edition.file_of(wanted) for edition in self.editions()), None)
        if found is None:
            raise NoSuchFile("None was written yet.")
        return found

    def open(self, file: DataFile) -> BinaryIO:
        """Open a file. Raises NoSuchFile where it is gone from the store."""
        try:
            return self.store.open_large(self._key(file.name))
        except NoSuchObject as fault:
            raise NoSuchFile("It is gone from the store; the next night writes another one.") from fault

    def put(self, file: DataFile, stream: BinaryIO) -> None:
        """Put a file; nobody finds it before an index names it."""
        if not self.store.put_from(self._key(file.name), stream, file.bytes):
            raise EOFError(file.name)

    def keep(self, editions: Sequence[Edition], described: dict[str, str], *, now: dt.datetime) -> None:
        """Let these be all that there is: put the index, then remove what it names no more."""
        before = {file.name for edition in self.editions() for file in edition.files}
        named = {file.name for edition in editions for file in edition.files}
        content = described | {"editions": [asdict(edition) for edition in editions]}
        text = json.dumps(content, ensure_ascii=False, indent=1, default=lambda moment: moment.isoformat())
        self.store.put(self._key(INDEX), text.encode())
        for name in before - named:
            self.store.delete(self._key(name))
        self._sweep({*named, INDEX}, before=now - SPARED)

    def _sweep(self, named: set[str], *, before: dt.datetime) -> None:
        for stored in self.store.keys(FOLDER):
            name = stored.key.rpartition("/")[2]
            # The folder may be one that a person named: nothing but ours is touched.
            if _OURS.match(name) and name not in named and stored.put_at < before:
                self.store.delete(stored.key, unless_put_since=before)

    def _key(self, name: str) -> str:
        return f"{FOLDER}/{name}"


def _read(edition: dict[str, Any]) -> Edition:
    files = tuple(DataFile(**(file | {"format": Format(file["format"])})) for file in edition["files"])
    return Edition(
        day=dt.date.fromisoformat(edition["day"]),
        made_at=dt.datetime.fromisoformat(edition["made_at"]),
        rows=edition["rows"],
        files=files,
    )
