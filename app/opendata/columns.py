"""The columns of the files: first those of GeoReport v2 in its bulk order, then our own.

A column that GeoReport has and that is not public here is there and empty, so that its readers find their columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.publicmap.grid import Shown
from app.publicmap.tiles import PICTURES

Record = Mapping[str, Any]


class Kind(StrEnum):
    """What the values of a column are; each may be missing."""

    TEXT = "text"
    NUMBER = "number"
    COUNT = "count"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, what it holds, and where the value comes from."""

    name: str
    kind: Kind
    value: Callable[[Record], Any]


def _of(*path: str) -> Callable[[Record], Any]:
    def find(record: Record) -> Any:
        found: Any = record
        for name in path:
            found = found and found[name]
        return found

    return find


def _nothing(_: Record) -> None:
    return None


def changed(record: Record) -> dt.datetime:
    """Give when it was opened, fixed or closed, whichever came last."""
    moments: list[dt.datetime | None] = [record["opened"], record["fixed"], record["closed"]]
    return max(moment for moment in moments if moment)


def _status(record: Record) -> str:
    return "open" if record["state"] == Shown.OPEN else "closed"


def _picture(record: Record) -> str | None:
    # Not the signed link of the list: this one leads to the picture as it is masked by then, or to none.
    return f"{record['root']}{PICTURES}{record['id']}/thumbnail" if record["thumbnail"] else None


def _page(record: Record) -> str:
    return f"{record['root']}/map/work-orders/{record['id']}"


GEOREPORT = (
    Column("service_request_id", Kind.TEXT, _of("id")),
    Column("status", Kind.TEXT, _status),
    Column("status_notes", Kind.TEXT, _nothing),
    Column("service_name", Kind.TEXT, _of("item", "name")),
    Column("service_code", Kind.TEXT, _of("item", "code")),
    Column("description", Kind.TEXT, _of("description")),
    Column("agency_responsible", Kind.TEXT, _of("unit", "name")),
    Column("service_notice", Kind.TEXT, _nothing),
    Column("requested_datetime", Kind.TIME, _of("opened")),
    Column("updated_datetime", Kind.TIME, changed),
    Column("expected_datetime", Kind.TIME, _nothing),
    Column("address", Kind.TEXT, _of("place", "name")),
    Column("address_id", Kind.TEXT, _of("place", "code")),
    Column("zipcode", Kind.TEXT, _nothing),
    Column("lat", Kind.NUMBER, _of("position", "lat")),
    Column("long", Kind.NUMBER, _of("position", "lon")),
    Column("media_url", Kind.TEXT, _picture),
)
OWN = (
    Column("state", Kind.TEXT, _of("state")),
    Column("step", Kind.TEXT, _of("step")),
    Column("class", Kind.TEXT, _of("class")),
    Column("service_name_zh", Kind.TEXT, _of("item", "name_zh")),
    Column("service_name_en", Kind.TEXT, _of("item", "name_en")),
    Column("area", Kind.TEXT, _of("place", "code")),
    Column("area_name_zh", Kind.TEXT, _of("place", "name_zh")),
    Column("area_name_en", Kind.TEXT, _of("place", "name_en")),
    Column("unit", Kind.TEXT, _of("unit", "code")),
    Column("position", Kind.TEXT, _of("precision")),
    Column("fixed_datetime", Kind.TIME, _of("fixed")),
    Column("closed_datetime", Kind.TIME, _of("closed")),
    Column("closed_reason", Kind.TEXT, _of("outcome")),
    Column("days_to_fix", Kind.NUMBER, _of("days_to_fix")),
    Column("reports", Kind.COUNT, _of("reports")),
    Column("followers", Kind.COUNT, _of("followers")),
    Column("url", Kind.TEXT, _page),
)
COLUMNS = (*GEOREPORT, *OWN)
