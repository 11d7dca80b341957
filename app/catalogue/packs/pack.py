"""A city pack: a folder, read into memory with the place of every row."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.catalogue.city import APPROXIMATE, KEYS
from app.catalogue.packs import columns
from app.catalogue.packs.faults import Fault, warning
from app.catalogue.packs.features import AREA_TYPES, ASSET_TYPES, Collection, read_features
from app.catalogue.packs.settings import TABLES, read_settings
from app.catalogue.packs.tables import Table, read_table
from app.duplicates.model import model_from
from app.geo.models import Level

HISTORY = "history.csv.gz"
WEIGHTS = "duplicates.json"
LEVELS = (Level.DISTRICT, Level.STREET, Level.COMMUNITY)

_AREAS = re.compile(r"areas\.([a-z]+)\.geojson")
_ASSETS = re.compile(r"assets\.([a-z0-9_]{1,60})\.geojson")
_PLAIN = ("city.toml", "units.csv", "catalogue.csv", "responsibilities.csv", "calendar.csv", WEIGHTS)


@dataclass(slots=True, kw_only=True)
class Pack:
    """What a folder holds. ``faults`` are those of reading; ``digest`` covers every file that a load uses."""

    folder: Path
    settings: dict[str, Any]
    areas: dict[Level, Collection]
    assets: dict[str, Collection]
    units: Table
    items: Table
    rules: Table
    calendar: Table
    digest: str
    weights: dict[str, Any] | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def code(self) -> str:
        """Give the city's code."""
        return str(self.settings.get("code", ""))

    @property
    def approximate(self) -> bool:
        """Tell whether the boundaries were computed and not surveyed."""
        return bool(self.settings.get("boundaries") == APPROXIMATE)

    @property
    def has_history(self) -> bool:
        """Tell whether the folder holds the history of requests."""
        return (self.folder / HISTORY).exists()

    @property
    def row_count(self) -> int:
        """Count the rows that a load copies, the city's own area among them."""
        shapes = sum(len(found.features) for found in (*self.areas.values(), *self.assets.values()))
        return shapes + 1 + sum(len(table.rows) for table in (self.units, self.items, self.rules))

    @property
    def stored_settings(self) -> dict[str, Any]:
        """Give the known keys of city.toml with calendar.csv and duplicates.json, as a pack version keeps them."""
        known = {name: value for name, value in self.settings.items() if name in KEYS}
        tables = {
            table: {name: value for name, value in self.settings.get(table, {}).items() if name in keys}
            for table, keys in TABLES.items()
            if table in self.settings
        }
        days = {row["date"].isoformat(): row["working"] for row in self.calendar.rows}
        return {**known, **tables, "calendar": days, "duplicates": self.weights}


def read_pack(folder: Path) -> Pack:
    """Read a folder. What cannot be read is a fault of the pack, never an exception."""
    settings, faults = read_settings(folder)
    areas = {
        level: read_features(folder / f"areas.{level}.geojson", AREA_TYPES, columns.AREA_PROPERTIES)
        for level in LEVELS
        if (folder / f"areas.{level}.geojson").exists()
    }
    assets = {
        found[1]: read_features(path, ASSET_TYPES, columns.ASSET_PROPERTIES)
        for path in sorted(folder.glob("assets.*.geojson"))
        if (found := _ASSETS.fullmatch(path.name))
    }
    tables = {
        "units": read_table(folder / "units.csv", columns.UNITS),
        "items": read_table(folder / "catalogue.csv", columns.ITEMS),
        "rules": read_table(folder / "responsibilities.csv", columns.RULES),
        "calendar": read_table(folder / "calendar.csv", columns.CALENDAR, required=False),
    }
    parts: tuple[Table | Collection, ...] = (*areas.values(), *tables.values(), *assets.values())
    for part in parts:
        faults += part.faults
    weights, wrong = _read_weights(folder / WEIGHTS)
    faults += [*wrong, *_strangers(folder)]
    return Pack(
        folder=folder,
        settings=settings,
        areas=areas,
        assets=assets,
        digest=_digest(folder),
        weights=weights,
        faults=faults,
        **tables,
    )


def _read_weights(path: Path) -> tuple[dict[str, Any] | None, list[Fault]]:
    """Read the weights of the city's own model of duplicates, where the pack brings one."""
    if not path.exists():
        return None, []
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
        model_from(data, path.name)
    except (OSError, ValueError, RecursionError) as fault:
        return None, [Fault(path.name, "", f"it cannot be read: {fault}")]
    return data, []


def _strangers(folder: Path) -> Iterator[Fault]:
    """Name the files that look like a pack's and are read by nobody."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        level = _AREAS.fullmatch(path.name)
        if level and level[1] not in LEVELS:
            yield Fault(path.name, "", f"{level[1]!r} is no level of areas: {', '.join(LEVELS)}")
        elif path.suffix in {".geojson", ".json"} and not (
            level or _ASSETS.fullmatch(path.name) or path.name == WEIGHTS
        ):
            yield warning(path.name, "", "no pack has such a file; it is ignored")


def _digest(folder: Path) -> str:
    """Give the SHA-256 over names and bytes of the files that a load uses."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        used = path.name in _PLAIN or _AREAS.fullmatch(path.name) or _ASSETS.fullmatch(path.name)
        if used and path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
