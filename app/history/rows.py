"""Rows of ``history.csv.gz``: what can be read of each, and why another one cannot."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from app.catalogue.packs.pack import HISTORY
from app.geo.types import Point

CLOSED = "closed"
COLUMNS = ("id", "item", "requested_at", "status", "lon", "lat")
_MOST_LON, _MOST_LAT = 180.0, 90.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the past. ``line`` is where it stands in the file, ``closed_at`` is empty while it was open."""

    line: int
    id: str
    item: str
    requested_at: dt.datetime
    closed_at: dt.datetime | None
    due_at: dt.datetime | None
    point: Point
    address: str
    channel: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot be used, and what would help."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"{HISTORY}:{self.line}: {self.reason}"


def count_rows(path: Path) -> int:
    """Count the lines behind the header."""
    with gzip.open(path, "rb") as lines:
        return max(0, sum(1 for _ in lines) - 1)


def read_rows(path: Path, *, timezone: ZoneInfo) -> Iterator[Request | Unreadable]:
    """Walk the requests of a file in its order; their times are local."""
    with gzip.open(path, "rb") as packed:
        reader = csv.DictReader(io.TextIOWrapper(packed, "utf-8-sig", newline=""))
        for row in reader:
            try:
                yield _read(reader.line_num, row, timezone)
            except (KeyError, ValueError, TypeError) as fault:
                yield Unreadable(reader.line_num, str(fault))


def _read(line: int, row: dict[str, str | None], timezone: ZoneInfo) -> Request:
    cells = {name: (value or "").strip() for name, value in row.items() if name}
    missing = [name for name in COLUMNS if not cells.get(name)]
    if missing:
        message = f"{', '.join(missing)}: nothing is there"
        raise ValueError(message)
    requested_at = _time(cells, "requested_at", timezone)
    if requested_at is None:
        raise ValueError("requested_at: nothing is there")
    closed_at = _time(cells, "closed_at", timezone) if cells["status"].lower() == CLOSED else None
    if cells["status"].lower() == CLOSED and closed_at is None:
        closed_at = requested_at
    if closed_at is not None and closed_at < requested_at:
        raise ValueError("closed_at: it lies before requested_at")
    return Request(
        line=line,
        id=cells["id"],
        item=cells["item"],
        requested_at=requested_at,
        closed_at=closed_at,
        due_at=_time(cells, "due_at", timezone),
        point=Point(_degrees(cells, "lon", _MOST_LON), _degrees(cells, "lat", _MOST_LAT)),
        address=" ".join(cells.get("address", "").split()),
        channel=cells.get("channel", ""),
    )


def _time(cells: dict[str, str], name: str, timezone: ZoneInfo) -> dt.datetime | None:
    if not cells.get(name):
        return None
    try:
        found = dt.datetime.fromisoformat(cells[name])
    except ValueError:
        message = f"{name}: {cells[name]!r} is no time such as 2011-07-01 01:32:33"
        raise ValueError(message) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone)


def _degrees(cells: dict[str, str], name: str, most: float) -> float:
    try:
        found = float(cells[name])
    except ValueError:
        message = f"{name}: {cells[name]!r} is no number of degrees"
        raise ValueError(message) from None
    if not -most <= found <= most:
        message = f"{name}: {found} does not lie between -{most:g} and {most:g}"
        raise ValueError(message)
    return found
