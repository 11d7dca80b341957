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
from app.catalogue.packs.text import NotText, decode

AREA_TYPES = ("Polygon", "MultiPolygon")
ASSET_TYPES = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")

_FEATURE_LINE = re.compile(r'\s*\{.{0,40}?"type"\s*:\s*"Feature"')
LEAST_POSITIONS = 4
LONGITUDE_FIRST = "GeoJSON has longitude first, then latitude"
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

    def fault(self, reason: str, *, needs: str = "") -> Fault:
        """Give an error in this feature, which may follow from one of the file ``needs``."""
        return Fault(self.file, self.where, reason, needs=needs)

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
        text, found = _read_list(path)
    except NotText as fault:
        collection.faults.append(fault.fault)
        return collection
    swapped = 0
    for where, one in zip(_places(text, len(found)), found, strict=True):
        swapped += _add(collection, Feature(path.name, where, {}, None), one, types, required)
    if swapped and swapped == len(found):
        collection.faults = [
            Fault(path.name, "", f"longitude and latitude are swapped: {LONGITUDE_FIRST}", broken=True)
        ]
    return collection


def _read_list(path: Path) -> tuple[str, list[Any]]:
    """Read the text of a file and its list of features. Raises NotText where there is none."""
    try:
        text = decode(path.name, path.read_bytes())
        content = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as fault:
        raise NotText(
            Fault(path.name, str(fault.lineno), f"it is not JSON: {fault.msg} at column {fault.colno}", broken=True)
        ) from None
    except NotText:
        raise
    except (ValueError, RecursionError, OSError) as fault:
        raise NotText(Fault(path.name, "", f"it is not JSON: {fault}", broken=True)) from None
    found = content.get("features") if isinstance(content, dict) else None
    if not isinstance(found, list) or content.get("type") != "FeatureCollection":
        raise NotText(Fault(path.name, "1", "it is no FeatureCollection with a list of features", broken=True))
    return text, found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _places(text: str, count: int) -> list[str]:
    """Name the line of each feature where each has its own, else its number."""
    lines = [str(number) for number, line in enumerate(text.splitlines(), 1) if _FEATURE_LINE.match(line)]
    return lines if len(lines) == count else [f"feature {number}" for number in range(1, count + 1)]


def _add(
    collection: Collection, feature: Feature, content: Any, types: tuple[str, ...], required: tuple[str, ...]
) -> bool:
    """Add a feature and its faults; tell whether its coordinates can only be latitude first."""
    collection.features.append(feature)
    if not isinstance(content, dict) or not isinstance(content.get("properties"), dict):
        collection.faults.append(feature.fault("it is no feature with properties"))
        return False
    feature.properties = content["properties"]
    missing = [name for name in required if name not in feature.properties]
    collection.faults += [feature.fault(f"the property {name} is missing") for name in missing]
    if not _storable(feature.properties):
        collection.faults.append(feature.fault("a property holds a NUL, half a character or no finite number"))
    try:
        feature.shape = _shape(content.get("geometry"), types)
        _check_rings(content["geometry"])
    except ValueError as fault:
        collection.faults.append(feature.fault(str(fault)))
        return isinstance(fault, Swapped)
    return False


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
        reason = shapely.is_valid_reason(made)
        raise ValueError(f"the geometry is invalid: {reason} (longitude latitude); draw its border anew there")
    return made


def _check_rings(geometry: dict[str, Any]) -> None:
    """Demand that each ring of a polygon ends where it begins, with four positions at least (RFC 7946, 3.1.6)."""
    content = geometry["coordinates"]
    polygons = {"Polygon": [content], "MultiPolygon": content}.get(geometry["type"], [])
    for ring in (ring for polygon in polygons for ring in polygon):
        if len(ring) < LEAST_POSITIONS or list(ring[0][:2]) != list(ring[-1][:2]):
            first, last = (", ".join(f"{number:g}" for number in position[:2]) for position in (ring[0], ring[-1]))
            raise ValueError(
                f"a ring is not closed: it begins at {first} and ends at {last}; repeat its first position at the end"
            )


class Swapped(ValueError):
    """The coordinates are no degrees, and would be with longitude and latitude exchanged."""


def _check_range(made: BaseGeometry) -> None:
    west, south, east, north = made.bounds
    if -180 <= west <= east <= 180 and -90 <= south <= north <= 90:  # noqa: PLR2004  # degrees
        return
    swapped = -90 <= west <= east <= 90 and -180 <= south <= north <= 180  # noqa: PLR2004  # degrees
    reach = f"the coordinates reach from {west:g}, {south:g} to {east:g}, {north:g}: no degrees"
    if swapped:
        raise Swapped(f"{reach}; latitude and longitude look swapped: {LONGITUDE_FIRST}")
    raise ValueError(f"{reach}; export them as WGS 84 (EPSG:4326)")
