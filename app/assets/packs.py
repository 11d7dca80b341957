"""The part of a city pack that is assets: check and load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from app.assets.models import Asset
from app.catalogue.packs import Fault, Feature, Pack
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
        yield feature.fault(f"the owner {owner} is no unit")


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
