"""Compare where the areas of a pack lie with the time zone of city.toml, to find exchanged longitude and latitude.

The tz database names a position of each zone's principal location (zone1970.tab, ISO 6709). Exchanged coordinates that
are degrees all the same lie in another part of the world, and exchanged back much nearer to the zone.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import shapely

from app.catalogue.packs.faults import Fault, warning
from app.catalogue.packs.features import LONGITUDE_FIRST
from app.catalogue.packs.pack import Pack
from app.geo.types import Point

# How far from its principal location a city of a zone may lie: Kashgar is 4,100 km from Shanghai.
FARTHEST_M = 5_000_000
_TABLES = ("zone1970.tab", "zone.tab")
_ISO_6709 = re.compile(r"([+-])(\d{2})(\d{2})(?:\d{2})?([+-])(\d{3})(\d{2})(?:\d{2})?")


def check_position(pack: Pack) -> Iterator[Fault]:
    """Find areas that lie in another part of the world than the city's time zone."""
    zone = zone_position(str(pack.settings.get("timezone", "")))
    for level, found in pack.areas.items():
        shapes = [feature.shape for feature in found.features if feature.shape is not None]
        if not shapes or zone is None:
            continue
        west, south, east, north = shapely.total_bounds(shapes).tolist()
        exchanged = _middle(south, west, north, east)
        away = Point((west + east) / 2, (south + north) / 2).distance_m(zone)
        name, place = f"areas.{level}.geojson", f"{away / 1000:,.0f} km from {pack.settings['timezone']}"
        if exchanged is not None and exchanged.distance_m(zone) * 2 < away:
            reason = f"the areas lie {place}, and much nearer with longitude and latitude exchanged: {LONGITUDE_FIRST}"
            yield Fault(name, "", reason, broken=True)
        elif away > FARTHEST_M:
            yield warning(name, "", f"the areas lie {place}: look at timezone in city.toml and at the coordinates")


def _middle(west: float, south: float, east: float, north: float) -> Point | None:
    """Give the middle of a box; None where that is no position."""
    lon, lat = (west + east) / 2, (south + north) / 2
    return Point(lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None  # noqa: PLR2004  # degrees


def zone_position(name: str) -> Point | None:
    """Give the principal location of a time zone; None where the tz database of this machine does not say."""
    for folder in zoneinfo.TZPATH:
        for table in _TABLES:
            path = Path(folder) / table
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()
            for cells in (line.split("\t") for line in lines if not line.startswith("#")):
                if len(cells) > 2 and cells[2] == name and (found := _ISO_6709.fullmatch(cells[1])):  # noqa: PLR2004
                    return _read_position(found)
    return None


def _read_position(found: re.Match[str]) -> Point:
    north, lat, lat_minutes, east, lon, lon_minutes = found.groups()
    return Point(
        float(f"{east}1") * (int(lon) + int(lon_minutes) / 60), float(f"{north}1") * (int(lat) + int(lat_minutes) / 60)
    )
