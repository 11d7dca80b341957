"""The part of a pack that is areas: check and load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from shapely import STRtree
from shapely.geometry import Polygon
from sqlalchemy.orm import Session

from app.catalogue.packs.faults import Fault, warning
from app.catalogue.packs.features import Feature
from app.catalogue.packs.pack import LEVELS, Pack
from app.catalogue.packs.position import check_position
from app.geo import measure
from app.geo.models import Level
from app.geo.queries import ewkb_hex
from app.geo.service import replace_areas
from app.versions import Progress

_SIZE = {level: size for size, level in enumerate((Level.COMMUNITY, Level.STREET, Level.DISTRICT, Level.CITY))}


class AreaPart:
    """Areas of all levels, and the city as the union of one of them."""

    name = "areas"

    def check(self, pack: Pack) -> Iterator[Fault]:
        """Find faults of codes, names, parents and shapes."""
        if not pack.areas.get(Level.STREET):
            yield Fault("areas.street.geojson", "", "the file is missing", broken=True)
        yield from _codes(pack)
        yield from _parents(pack)
        for level, found in pack.areas.items():
            yield from _overlaps(level, [feature for feature in found.features if feature.shape is not None])
        yield from _city(pack)
        yield from check_position(pack)

    def load(self, session: Session, pack: Pack, version: int, progress: Progress | None) -> dict[str, int]:
        """Make the areas of the pack the current ones; give their number."""
        counts = replace_areas(session, _rows(pack), version=version, progress=progress)
        return {self.name: counts.added + counts.kept}


def _codes(pack: Pack) -> Iterator[Fault]:
    seen = {pack.code: "city.toml"}
    for level in LEVELS:
        for feature in pack.areas[level].features if level in pack.areas else ():
            code = feature.text("code")
            if not code or any(sign.isspace() for sign in code):
                yield feature.fault("code is empty or has spaces")
            elif code in seen:
                yield feature.fault(f"the code {code} is there already: {seen[code]}")
            seen.setdefault(code, f"{feature.file}:{feature.where}")
            if not feature.text("name_zh") + feature.text("name_en"):
                yield feature.fault("name_zh and name_en are both empty")


def _parents(pack: Pack) -> Iterator[Fault]:
    levels = {
        feature.text("code"): (level, feature) for level, found in pack.areas.items() for feature in found.features
    }
    for code, (level, feature) in levels.items():
        parent = feature.text("parent")
        if parent in {"", pack.code}:
            continue
        if parent not in levels:
            yield feature.fault(f"the parent {parent} is no area")
        elif _SIZE[levels[parent][0]] <= _SIZE[level]:
            yield feature.fault(f"the parent {parent} is of level {levels[parent][0]}, not larger than {level}")
        elif not _inside(feature, levels[parent][1]):
            yield feature.warning(f"{code} does not lie in its parent {parent}")


def _inside(feature: Feature, parent: Feature) -> bool:
    if feature.shape is None or parent.shape is None:
        return True
    return bool(parent.shape.intersects(feature.shape.representative_point()))


def _overlaps(level: Level, features: list[Feature]) -> Iterator[Fault]:
    """Compare the areas of one level, two by two; slivers are warnings."""
    shapes: Any = np.array([feature.shape for feature in features], dtype=object)
    for first, second in sorted(STRtree(shapes).query(shapes, predicate="intersects").T.tolist()):
        if first >= second:
            continue
        common = shapely.intersection(shapes[first], shapes[second])
        pieces = measure.polygons(common)
        if not pieces:
            continue
        middle = max(pieces, key=lambda piece: float(piece.area)).representative_point()
        other = features[first]
        reason = (
            f"{features[second].text('code')} overlaps {other.text('code')} ({other.file}:{other.where}, {level})"
            f" by {measure.area_m2(common):.1f} m2 at {middle.x:.5f}, {middle.y:.5f}"
        )
        told = features[second]
        yield told.warning(f"{reason}: a sliver") if measure.is_sliver(common) else told.fault(reason)


def _city(pack: Pack) -> Iterator[Fault]:
    """Look at the outline of the city: it must exist; holes and gaps are told."""
    level = pack.settings.get("city_level")
    if level not in list(LEVELS):
        return
    shapes = _shapes(pack)
    if not shapes:
        reason = f"city_level is {level}, and there is no usable area of that level"
        yield Fault("city.toml", "", reason, needs=f"areas.{level}")
        return
    file = f"areas.{level}.geojson"
    united: Any = shapely.union_all(shapes)
    rings = [Polygon(ring) for polygon in measure.polygons(united) for ring in polygon.interiors]
    holes = [Polygon(ring) for polygon in measure.outline(shapes).geoms for ring in polygon.interiors]
    for hole in holes:
        spot = hole.representative_point()
        size = measure.area_m2(hole)
        yield warning(file, "", f"the city has a hole of {size:.0f} m2 at {spot.x:.5f}, {spot.y:.5f}: refused there")
    if gaps := len(rings) - len(holes):
        size = sum(map(measure.area_m2, rings)) - sum(map(measure.area_m2, holes))
        yield warning(file, "", f"{gaps} gaps between areas, {size:.0f} m2 in all: the nearest street counts there")
    yield from _outside(pack, united)


def _outside(pack: Pack, city: Any) -> Iterator[Fault]:
    for found in pack.areas.values():
        for feature in found.features:
            if feature.shape is not None and not city.intersects(feature.shape.representative_point()):
                reason = f"{feature.text('code')} lies outside of the city, the areas of the level of city_level"
                yield feature.warning(reason)


def _shapes(pack: Pack) -> list[Any]:
    found = pack.areas.get(Level(pack.settings["city_level"]))
    return [feature.shape for feature in found.features if feature.shape is not None] if found else []


def _rows(pack: Pack) -> Iterator[dict[str, Any]]:
    names = {"name_zh": pack.settings.get("name_zh", ""), "name_en": pack.settings.get("name_en", "")}
    city = {"code": pack.code, "level": Level.CITY, "parent": "", **names}
    yield city | _measures(pack, measure.outline(_shapes(pack)))
    for level, found in pack.areas.items():
        for feature in found.features:
            words = {name: feature.text(name) for name in ("code", "name_zh", "name_en")}
            row = {"level": level, "parent": feature.text("parent") or pack.code, **words}
            yield row | _measures(pack, feature.shape)


def _measures(pack: Pack, shape: Any) -> dict[str, Any]:
    return {
        "area_m2": round(measure.area_m2(shape), 1),
        "approximate": pack.approximate,
        "geom": ewkb_hex(measure.multipolygon(shape)),
    }
