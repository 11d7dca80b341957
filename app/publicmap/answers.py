"""How the public map answers: JSON, GeoJSON (RFC 7946) or CSV (RFC 4180), with a tag of the content, packed."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

JSON, GEOJSON, CSV, TILE = "application/json", "application/geo+json", "text/csv", "application/vnd.mapbox-vector-tile"
LEVEL = 6
# A fix shows within five seconds: one until it is folded, one in a cache that many share, which spares us all but one
# of those who ask at once, and three in the browser. Figures may be older.
LIVE = "public, max-age=3, s-maxage=1"
FIGURES = "public, max-age=60, stale-while-revalidate=60"
_COLUMNS = (
    *("id", "item", "item_name", "class", "state", "step", "lon", "lat", "street", "street_name"),
    *("opened", "fixed", "closed", "days_to_fix", "unit", "unit_name", "reports", "followers", "thumbnail"),
    "distance_m",
)
# OWASP, CSV injection: what a spreadsheet begins a formula with, the wide forms of East Asian keyboards among them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def tag_of(content: bytes) -> str:
    """Give the tag of an answer: of what it says, not of when or how it was made."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def packed(content: bytes) -> bytes:
    """Pack by gzip (RFC 1952) without a time, so that the same content gives the same bytes."""
    return gzip.compress(content, LEVEL, mtime=0)


def as_geojson(lines: Iterable[Mapping[str, Any]], following: str | None, attribution: str) -> bytes:
    """Write dumped lines as a collection of points, and whose data it is."""
    features = [
        {
            "type": "Feature",
            "id": line["id"],
            "geometry": {"type": "Point", "coordinates": [line["position"]["lon"], line["position"]["lat"]]},
            "properties": {name: value for name, value in line.items() if name != "position"},
        }
        for line in lines
    ]
    collection = {"type": "FeatureCollection", "features": features, "next": following, "attribution": attribution}
    return json.dumps(collection, ensure_ascii=False).encode()


def as_csv(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Write dumped lines as a table with a heading; what a spreadsheet would take for a formula is quoted."""
    target = io.StringIO()
    table = csv.writer(target)
    table.writerow(_COLUMNS)
    for line in lines:
        table.writerow([safe_cell(value) for value in _flat(line)])
    return target.getvalue().encode()


def _flat(line: Mapping[str, Any]) -> list[Any]:
    unit = line["unit"] or {}
    own = {
        "item": line["item"]["code"],
        "item_name": line["item"]["name"],
        "street": line["place"]["code"],
        "street_name": line["place"]["name"],
        "unit": unit.get("code"),
        "unit_name": unit.get("name"),
        **line["position"],
    }
    return [own[name] if name in own else line[name] for name in _COLUMNS]


def safe_cell(value: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
