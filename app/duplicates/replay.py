"""Replay labelled history in the order of time: each report sees what existed when it was filed, nothing later.

The labels (``duplicate_of`` or a file of pairs) and the fields of the end are read beside the rows and never reach a
sighting; ``closed_dt`` tells of a candidate only that it was closed before the moment of the new report.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from app.duplicates.features import NEAREST, NEAREST_OF_ITEM, Asking, Sighting, spot_of

RADIUS_M = 200.0
DAYS = 60
CLOSED_DAYS = 3
_CELL = 0.0025
_METRES = 111_195.0
_HOUR = 3600.0
_AMERICAN = "%m/%d/%Y %I:%M:%S %p"
_NORTHERNMOST = 89.0  # nearer to a pole a degree of longitude is too short to look for
_ADDRESS = re.compile(r"^\s*(\d+)[\dA-Za-z]*(?:\s*-\s*\d+)?\s+(.*)$")
_SPACES = re.compile(r"\s+")
# The same columns of other cities' exports under other names.
# fmt: off
_COLUMNS = {
    "id":       ("case_enquiry_id", "id", "service_request_id", "sr_number", "unique_key"),
    "opened":   ("open_dt", "opened", "created_date", "requested_datetime", "opened_at"),
    "closed":   ("closed_dt", "closed", "closed_date", "closed_at"),
    "item":     ("type", "item", "sr_type", "service_name", "complaint_type"),
    "group":    ("reason", "class", "category", "group", "department"),
    "unit":     ("queue", "unit", "owner_department", "agency", "department"),
    "address":  ("location", "address", "street_address", "incident_address"),
    "lat":      ("latitude", "lat"),
    "lon":      ("longitude", "lon", "long", "lng"),
    "channel":  ("source", "channel", "origin", "open_data_channel_type"),
    "flag":     ("is_duplicate", "duplicate"),
    "parent":   ("duplicate_of", "parent_id", "parent_sr_number"),
    "default":  ("geocode_default",),
}
# fmt: on
_CHILD, _PARENT = ("child_id", "child", "case_enquiry_id"), ("parent_id", "parent", "duplicate_of")
_YES = ("1", "true", "t", "yes")
_STAFF = re.compile(r"employee|staff|internal|maximo|patrol", re.IGNORECASE)


class Request(NamedTuple):
    """A request as it was filed; ``opened`` and ``closed`` are seconds, ``closed`` is infinity while open."""

    id: str
    opened: float
    closed: float
    item: str
    group: str
    unit: str
    address: str
    street: str
    lat: float
    lon: float
    channel: str
    staff: bool


class History(NamedTuple):
    """Requests in the order of time, and of each duplicate what it is a duplicate of.

    ``families`` names by one id all that are linked by labels in any direction; ``flagged`` were closed as duplicates
    and name no parent that came first. Of neither the labels say that they are another problem. ``left_out`` counts the
    rows that could not be used.
    """

    requests: Sequence[Request]
    parents: Mapping[str, str]
    families: Mapping[str, str]
    flagged: frozenset[str]
    left_out: int = 0


class Moment(NamedTuple):
    """A report and what it sees; ``true`` is the place of its parent among the candidates, None where it is not.

    ``unknown`` marks the candidates of which the labels do not say whether they are the same.
    """

    request: Request
    asking: Asking
    candidates: Sequence[Request]
    sightings: Sequence[Sighting]
    true: int | None
    unknown: Sequence[bool]


def read_history(path: Path, pairs: Path | None = None) -> History:
    """Read a file of requests (CSV, also gzipped), with its labels from ``pairs`` or its own column.

    A row without a moment or a place is left out and counted, so is one whose place is a default point. Only pairs
    whose parent came first count: one whose parent is in the file and came later, or by the pairs' own
    ``hours_after_parent``, is none.
    Raises ValueError, in words for whoever gave the file, where a column is missing or no row can be used.
    """
    rows: list[Request] = []
    labels: dict[str, tuple[str, float]] = {}
    flagged: set[str] = set()
    left_out = 0
    with _open(path) as file:
        table = csv.DictReader(file)
        columns = _columns(table.fieldnames or ())
        for row in table:
            field = {ours: (row.get(theirs) or "").strip() for ours, theirs in columns.items()}
            request = _request(field)
            if request is None:
                left_out += 1
            else:
                rows.append(request)
            if field.get("flag", "").lower() in _YES:
                flagged.add(field["id"])
            if field.get("parent"):
                labels[field["id"]] = field["parent"], 0.0
    if pairs is not None:
        labels = _read_pairs(pairs)
    if not rows:
        raise ValueError(f"none of its {left_out} rows has a moment, like 2011-07-01 13:32:33, and a place in degrees.")
    rows.sort(key=lambda request: (request.opened, request.id))
    parents = _forward(rows, {child: parent for child, (parent, hours) in labels.items() if hours >= 0})
    families = _families({child: parent for child, (parent, _) in labels.items()})
    return History(rows, parents, families, frozenset((flagged | set(labels)) - set(parents)), left_out)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _columns(names: Sequence[str]) -> dict[str, str]:
    known = {name.strip().lower().replace(" ", "_"): name for name in names}
    found = {
        ours: known[first]
        for ours, theirs in _COLUMNS.items()
        if (first := next((name for name in theirs if name in known), None)) is not None
    }
    missing = {"id", "opened", "item", "lat", "lon"} - set(found)
    if missing:
        raise ValueError(f"The file has no column for {', '.join(sorted(missing))}; it has {', '.join(names)}.")
    return found


def _request(field: Mapping[str, str]) -> Request | None:
    if field.get("default", "").lower() in _YES:
        return None
    try:
        opened, lat, lon = _seconds(field["opened"]), float(field["lat"]), float(field["lon"])
        closed = _seconds(field["closed"]) if field.get("closed") else math.inf
    except ValueError:
        return None
    if not (abs(lat) <= _NORTHERNMOST and abs(lon) <= 180):  # noqa: PLR2004  # so that nan is none either
        return None
    address = _SPACES.sub(" ", field.get("address", "")).lower()
    number = _ADDRESS.match(address)
    channel = field.get("channel", "")
    return Request(
        id=field["id"],
        opened=opened,
        closed=closed,
        item=field["item"],
        group=field.get("group", ""),
        unit=field.get("unit", ""),
        address=address,
        street=number[2] if number else address,
        lat=lat,
        lon=lon,
        channel=channel,
        staff=bool(_STAFF.search(channel)),
    )


def _seconds(text: str) -> float:
    """Read a moment as its own clock shows it: history of one city has one clock. Some exports have American dates."""
    if "/" in text:
        return dt.datetime.strptime(text, _AMERICAN).replace(tzinfo=dt.UTC).timestamp()
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def _read_pairs(path: Path) -> dict[str, tuple[str, float]]:
    with _open(path) as file:
        table = csv.DictReader(file)
        names = table.fieldnames or ()
        child, parent = (next((name for name in theirs if name in names), None) for theirs in (_CHILD, _PARENT))
        if child is None or parent is None:
            raise ValueError(f"{path.name} has no columns child_id and parent_id; it has {', '.join(names)}.")
        return {row[child]: (row[parent], float(row.get("hours_after_parent") or 0)) for row in table}


def _families(labels: Mapping[str, str]) -> dict[str, str]:
    """Name by one id all that labels link, directly or by others."""
    head: dict[str, str] = {}

    def find(one: str) -> str:
        while one != head.setdefault(one, one):
            one = head[one]
        return one

    for child, parent in labels.items():
        head[find(child)] = find(parent)
    return {one: find(one) for one in list(head)}


def _forward(rows: Sequence[Request], labels: Mapping[str, str]) -> dict[str, str]:
    place = {request.id: number for number, request in enumerate(rows)}
    return {
        child: parent
        for child, parent in labels.items()
        if child in place and child != parent and place.get(parent, -1) < place[child]
    }


def replay(history: History) -> Iterator[Moment]:
    """Walk through history: give each report with the candidates that existed when it was filed."""
    grid: defaultdict[tuple[int, int], list[Request]] = defaultdict(list)
    for request in history.requests:
        seen = _nearest(request, sorted(_around(grid, request), key=lambda one: (one[0], -one[1].opened, one[1].id)))
        parent = history.parents.get(request.id)
        candidates = [one for _, one in seen]
        true = next((place for place, one in enumerate(candidates) if one.id == parent), None) if parent else None
        asking = Asking(request.item, staff=request.staff)
        sightings = [sight(request, one, away) for away, one in seen]
        yield Moment(request, asking, candidates, sightings, true, _unknown(history, request, candidates, true))
        grid[_cell(request)].append(request)


def _nearest(request: Request, seen: list[tuple[float, Request]]) -> list[tuple[float, Request]]:
    own = [one for _, one in seen if one.item == request.item][:NEAREST_OF_ITEM]
    return seen[:NEAREST] + [each for each in seen[NEAREST:] if each[1] in own]


def _unknown(history: History, request: Request, candidates: Sequence[Request], true: int | None) -> list[bool]:
    if request.id in history.flagged:
        return [True] * len(candidates)
    family = history.families.get(request.id)
    return [
        family is not None and place != true and history.families.get(one.id) == family
        for place, one in enumerate(candidates)
    ]


def _cell(request: Request) -> tuple[int, int]:
    return math.floor(request.lat / _CELL), math.floor(request.lon / _CELL)


def _around(grid: Mapping[tuple[int, int], list[Request]], request: Request) -> Iterator[tuple[float, Request]]:
    """Give the candidates with their distance in metres; those that nobody will see again leave the grid."""
    oldest, closed = request.opened - DAYS * 86_400, request.opened - CLOSED_DAYS * 86_400
    row, column = _cell(request)
    shrink = math.cos(math.radians(request.lat))
    wide = math.ceil(RADIUS_M / (_METRES * shrink * _CELL))
    for cell in ((row + up, column + side) for up in (-1, 0, 1) for side in range(-wide, wide + 1)):
        known = grid.get(cell)
        if not known:
            continue
        known[:] = [one for one in known if one.opened > oldest and one.closed > closed]
        for one in known:
            away = _METRES * math.hypot(one.lat - request.lat, (one.lon - request.lon) * shrink)
            if away <= RADIUS_M:
                yield away, one


def sight(request: Request, one: Request, distance_m: float) -> Sighting:
    """See a candidate as it was when the report was filed."""
    return Sighting(
        distance_m=distance_m,
        hours=(request.opened - one.opened) / _HOUR,
        item=one.item,
        same_item=one.item == request.item,
        same_class=one.group == request.group,
        same_unit=one.unit == request.unit,
        fixed=one.closed <= request.opened,
        spot=spot_of(one.lon, one.lat),
        same_address=bool(one.address) and one.address == request.address,
        same_street=bool(one.street) and one.street == request.street,
        same_channel=bool(one.channel) and one.channel == request.channel,
        staff=one.staff,
    )
