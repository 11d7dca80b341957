"""The part of a city pack that is assets: check and load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import shapely
from sqlalchemy.orm import Session

from app.assets.models import Asset
from app.catalogue.packs import Fault, Feature, Pack, warning
from app.catalogue.packs.features import LONGITUDE_FIRST
from app.catalogue.packs.tables import Row
from app.geo.queries import ewkb_hex
from app.versions import Progress, supersede

_OWN = frozenset({"id", "name", "owner"})


class AssetPart:
    """Assets of all classes."""

    name = "assets"

    def check(self, pack: Pack) -> Iterator[Fault]:
        """Find faults of ids and owners; the reader of the pack has looked at the shapes."""
        units = {row["code"] for row in pack.units.rows}
        for found in pack.assets.values():
            first: dict[str, Feature] = {}
            for feature in found.features:
                yield from _check(feature, units, first)
        yield from _classes(pack)
        yield from _outside(pack)

    def load(self, session: Session, pack: Pack, version: int, progress: Progress | None) -> dict[str, int]:
        """Make the assets of the pack the current ones; give their number."""
        key = ("asset_class", "code")
        counts = supersede(session, Asset, _rows(pack), version=version, key=key, progress=progress)
        return {self.name: counts.added + counts.kept}


def _check(feature: Feature, units: set[str], first: dict[str, Feature]) -> Iterator[Fault]:
    code, owner = feature.text("id"), feature.text("owner")
    if not code:
        yield feature.fault("id is empty")
    elif (other := first.setdefault(code, feature)) is not feature:
        yield feature.fault(f"the id {code} is there already: {other.file}:{other.where}")
    if owner and owner not in units:
        yield feature.fault(f"the owner {owner} is no unit", needs="units.csv")


def _classes(pack: Pack) -> Iterator[Fault]:
    """Compare the classes that items name with the files that there are."""
    named: dict[str, Row] = {}
    for row in pack.items.rows:
        if row["asset_class"]:
            named.setdefault(row["asset_class"], row)
    missing = sorted(named.keys() - pack.assets.keys())
    if missing:
        files = ", ".join(missing)
        where = named[missing[0]].where if len(missing) == 1 else ""
        yield warning(
            "catalogue.csv", where, f"no file assets.<class>.geojson for the classes {files}: no asset is found"
        )
    for name in sorted(pack.assets.keys() - named.keys()):
        reason = (
            f"no item of catalogue.csv has the asset_class {name}: only its polygons count, as the ground of a place"
        )
        yield warning(f"assets.{name}.geojson", "", reason)


def _outside(pack: Pack) -> Iterator[Fault]:
    """Find files whose assets lie outside of the box around the city's areas."""
    areas = [feature.shape for found in pack.areas.values() for feature in found.features if feature.shape is not None]
    if not areas:
        return
    city = shapely.box(*shapely.total_bounds(areas))
    west, south, east, north = city.bounds
    exchanged = shapely.box(south, west, north, east)
    for name, found in pack.assets.items():
        shapes = [feature.shape for feature in found.features if feature.shape is not None]
        outside = [shape for shape in shapes if not city.intersects(shape)]
        if outside and all(exchanged.intersects(shape) for shape in shapes):
            reason = f"longitude and latitude are exchanged: {LONGITUDE_FIRST}"
            yield Fault(f"assets.{name}.geojson", "", reason, broken=True, needs="areas.")
        elif outside:
            reason = f"{len(outside):,} of {len(shapes):,} assets lie outside of the city"
            yield warning(f"assets.{name}.geojson", "", reason)


def _rows(pack: Pack) -> Iterator[dict[str, Any]]:
    for asset_class, found in pack.assets.items():
        for feature in found.features:
            yield {
                "code": feature.text("id"),
                "asset_class": asset_class,
                "name": feature.text("name"),
                "owner": feature.text("owner"),
                "geom": ewkb_hex(feature.shape) if feature.shape is not None else None,
                "properties": {name: value for name, value in feature.properties.items() if name not in _OWN},
            }
