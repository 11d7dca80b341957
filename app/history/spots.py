"""What lies at the points of the past: many requests name the same spot, so that each is looked up once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.assets.service import NearAsset
from app.catalogue.city import City
from app.catalogue.models import Item
from app.dispatch.resolve import find_assets
from app.geo.service import Place, places_of
from app.geo.types import Point
from app.history.rows import Request

# Some tens of megabytes; a file with more spots than these begins to forget all of them now and then.
MOST = 50_000


@dataclass
class Spots:
    """Places by point, and assets by the class that an item asks for and point; None where nothing is."""

    places: dict[Point, Place | None] = field(default_factory=dict)
    assets: dict[tuple[str, Point], NearAsset | None] = field(default_factory=dict)

    def learn(self, session: Session, requests: Collection[Request], items: Mapping[str, Item], *, city: City) -> None:
        """Look up what is not known yet of a batch, in a few statements for all."""
        if len(self.places) > MOST:
            self.places.clear()
            self.assets.clear()
        points = list(dict.fromkeys(request.point for request in requests if request.point not in self.places))
        if points:
            places = places_of(session, points, nearest_limit_m=city.nearest_street_limit_m)
            self.places |= zip(points, places, strict=True)
        for asset_class, at in self._missing(requests, items).items():
            found = find_assets(session, asset_class, at, city=city)
            self.assets |= zip(((asset_class, point) for point in at), found, strict=True)

    def _missing(self, requests: Collection[Request], items: Mapping[str, Item]) -> dict[str, list[Point]]:
        """Give the points whose assets are not known yet, by the class that is asked for there."""
        wanted = dict.fromkeys((items[each.item].asset_class, each.point) for each in requests if each.item in items)
        missing: dict[str, list[Point]] = {}
        for asset_class, point in wanted:
            if (asset_class, point) not in self.assets:
                missing.setdefault(asset_class, []).append(point)
        return missing
