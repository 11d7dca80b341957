"""What a checked pack holds, in a few lines that a person compares with what was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import shapely

from app.catalogue.city import City
from app.catalogue.packs.pack import Pack

NAMES_SHOWN = 4


def summary_of(pack: Pack) -> Iterator[str]:
    """Give the lines: the city, its box, areas, units, items, assets, calendar, attribution."""
    city = City.from_settings(pack.stored_settings, 0, pack.digest)
    yield f"City: {city.name(city.languages[0])} ({city.code}), {city.timezone.key}"
    shapes = [feature.shape for found in pack.areas.values() for feature in found.features if feature.shape is not None]
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    yield f"Box: longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"
    for level, areas in pack.areas.items():
        names = (feature.text("name_zh") or feature.text("name_en") for feature in areas.features)
        yield f"Areas of level {level}: {len(areas.features):,} ({_some(names)})"
    units = (row["name_zh"] or row["name_en"] for row in pack.units.rows)
    yield f"Units: {len(pack.units.rows):,} ({_some(units)})"
    kinds = Counter(row["kind"].value for row in pack.items.rows)
    yield f"Items: {len(pack.items.rows):,} ({', '.join(f'{count:,} {kind}' for kind, count in sorted(kinds.items()))})"
    yield f"Rules: {len(pack.rules.rows):,}"
    for name, assets in pack.assets.items():
        yield f"Assets of class {name}: {len(assets.features):,}"
    years = sorted({row["date"].year for row in pack.calendar.rows})
    yield f"Calendar: {city.working_calendar}, days of calendar.csv in: {', '.join(map(str, years)) or 'no year'}"
    yield f"Attribution: {city.attribution}"


def _some(names: Iterable[str]) -> str:
    """Give the first names of a list, and dots where there are more."""
    every = list(names)
    return ", ".join([*every[:NAMES_SHOWN], *(["..."] if len(every) > NAMES_SHOWN else [])])
