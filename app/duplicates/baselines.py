"""What the model must beat: rules that a peer would write in an afternoon, and the plain logistic of DESIGN 5."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.duplicates.features import Asking, Sighting

# Distance, time, type, reason, address, queue, the logarithm of the neighbours, a prior of the type.
PLAIN = (
    "distance", "distance_other", "gap", "gap_other", "same_item", "same_class", "address", "same_unit", "around",
    "item_prior",
)  # fmt: skip


def radius_and_type(asking: Asking, sightings: Sequence[Sighting]) -> list[float]:
    """Score those of the same item by their nearness, the others after all of them."""
    del asking
    return [-one.distance_m if one.same_item else -1_000.0 - one.distance_m for one in sightings]


def nearest_open(asking: Asking, sightings: Sequence[Sighting]) -> list[float]:
    """Score only the nearest open one of the same item, by its nearness and then its age; the others are nothing."""
    del asking
    chosen = min(
        (place for place, one in enumerate(sightings) if one.same_item and not one.fixed),
        key=lambda place: (sightings[place].distance_m, sightings[place].hours),
        default=None,
    )
    return [
        -one.distance_m - math.log1p(one.hours) / 1_000 if place == chosen else -1e9
        for place, one in enumerate(sightings)
    ]
