"""Read a GeoJSON file (RFC 7946) of a pack: features with their lines, and every fault with its own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from app.catalogue.packs.faults import Fault, warning

AREA_TYPES = ("Polygon", "MultiPolygon")
ASSET_TYPES = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")

_FEATURE_LINE = re.compile(r'\s*\{.{0,40}?"type"\s*:\s*"Feature"')
# An escaped NUL: after an even number of backslashes.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(slots=True)
class Feature:
    """A feature: where it stands, its properties, its shape; None where that cannot be used."""

    file: str
    where: str
    properties: dict[str, Any]
    shape: BaseGeometry | None

    def text(self, name: str) -> str:
        """Give a property as text; nothing as the empty one."""
        value = self.properties.get(name)
        return "" if value is None else str(value).strip()

    def fault(self, reason: str) -> Fault:
        """Give an error in this feature."""
        return Fault(self.file, self.where, reason)

    def warning(self, reason: str) -> Fault:
        """Give a warning about this feature."""
        return warning(self.file, self.where, reason)


@dataclass(slots=True)
class Collection:
    """The features of a file and the faults that its reader met."""

    features: list[Feature] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_features(path: Path, types: tuple[str, ...], required: tuple[str, ...]) -> Collection:
    """Read a FeatureCollection whose shapes are of ``types`` and whose properties hold ``required``."""
    collection = Collection()
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content = json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError as fault:
        collection.faults.append(Fault(path.name, "", f"it is not UTF-8: {fault.reason} at byte {fault.start}"))
        return collection
    except json.JSONDecodeError as fault:
        collection.faults.append(Fault(path.name, str(fault.lineno), f"it is not JSON: {fault.msg}"))
        return collection
    except (ValueError, RecursionError, OSError) as fault:
        collection.faults.append(Fault(path.name, "", f"it is not JSON: {fault}"))
        return collection
    found = content.get("features") if isinstance(content, dict) else None
    if not isinstance(found, list) or content.get("type") != "FeatureCollection":
        collection.faults.append(Fault(path.name, "1", "it is no FeatureCollection with a list of features"))
        return collection
    for where, one in zip(_places(text, len(found)), found, strict=True):
        _add(collection, Feature(path.name, where, {}, None), one, types, required)
    return collection


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _places(text: str, count: int) -> list[str]:
    """Name the line of each feature where each has its own, else its number."""
    lines = [str(number) for number, line in enumerate(text.splitlines(), 1) if _FEATURE_LINE.match(line)]
    return lines if len(lines) == count else [f"feature {number}" for number in range(1, count + 1)]


def _add(
    collection: Collection, feature: Feature, content: Any, types: tuple[str, ...], required: tuple[str, ...]
) -> None:
    collection.features.append(feature)
    if not isinstance(content, dict) or not isinstance(content.get("properties"), dict):
        collection.faults.append(feature.fault("it is no feature with properties"))
        return
    feature.properties = content["properties"]
    missing = [name for name in required if name not in feature.properties]
    collection.faults += [feature.fault(f"the property {name} is missing") for name in missing]
    if not _storable(feature.properties):
        collection.faults.append(feature.fault("a property holds a NUL, half a character or no finite number"))
    try:
        feature.shape = _shape(content.get("geometry"), types)
    except ValueError as fault:
        collection.faults.append(feature.fault(str(fault)))


def _storable(properties: dict[str, Any]) -> bool:
    """Tell whether JSONB can hold the properties."""
    try:
        text = json.dumps(properties, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return False
    return not _NUL.search(text)


def _shape(geometry: Any, types: tuple[str, ...]) -> BaseGeometry:
    """Build a shape in two dimensions. Raises ValueError that says what is wrong with it."""
    if not isinstance(geometry, dict):
        raise ValueError("the geometry is missing")  # noqa: TRY004  # one kind of fault for all readers
    if geometry.get("type") not in types:
        raise ValueError(f"the geometry is a {geometry.get('type')!r}, it must be one of {', '.join(types)}")
    try:
        made = shapely.force_2d(shape(geometry))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        shapely.errors.ShapelyError,
    ) as fault:
        raise ValueError(f"the coordinates cannot be read: {fault}") from fault
    if made.is_empty:
        raise ValueError("the geometry is empty")
    _check_range(made)
    if not made.is_valid:
        raise ValueError(f"the geometry is invalid: {shapely.is_valid_reason(made)}")
    return made


def _check_range(made: BaseGeometry) -> None:
    west, south, east, north = made.bounds
    if -180 <= west <= east <= 180 and -90 <= south <= north <= 90:  # noqa: PLR2004  # degrees
        return
    swapped = -90 <= west <= east <= 90 and -180 <= south <= north <= 180  # noqa: PLR2004  # degrees
    hint = "; latitude and longitude look swapped" if swapped else ""
    raise ValueError(f"the coordinates reach from {west:g}, {south:g} to {east:g}, {north:g}: no degrees{hint}")
