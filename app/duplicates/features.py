"""The features of a report and a work order nearby: plain arithmetic, the same for history and for the database.

A list of candidates becomes a list of rows, since a candidate is also judged by the others: how many are nearer, how
many stand open at its own spot. The order of the candidates does not matter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

# The radius of an item that says nothing else; distances are measured against it.
STANDARD_M = 50.0
# Coordinates of four decimals are 8 to 11 metres apart: nearer than this is one spot.
HERE_M = 8.0
MOST_SLACK_M = 20.0
STREET_M = 50.0
# What a report sees: so many of the nearest of any item, and so many of its own. More of them changed no figure, and
# the cost stays the same however dense a city is.
NEAREST = 24
NEAREST_OF_ITEM = 8


class Sighting(NamedTuple):
    """A work order as it is seen from a new report.

    ``hours`` since it was opened. ``spot`` is equal for work orders at one place (``spot_of``). ``staff``: the city
    itself filed it. ``own``: the same contact reported it. ``words`` and ``photo`` say how alike texts and photos are,
    0 to 1. What nobody knows is False or 0.
    """

    distance_m: float
    hours: float
    item: str
    same_item: bool
    same_class: bool
    same_unit: bool
    fixed: bool
    spot: Hashable
    same_address: bool = False
    same_street: bool = False
    same_channel: bool = False
    staff: bool = False
    same_asset: bool = False
    own: bool = False
    words: float = 0.0
    photo: float = 0.0


class Asking(NamedTuple):
    """What is known of the new report itself: its item with its radius, how exact its position is, who files it."""

    item: str
    radius_m: float = STANDARD_M
    accuracy_m: float = 0.0
    staff: bool = False


class Priors(NamedTuple):
    """How often items, and pairs of items, are the same problem: log odds beside the mean, 0 where nothing is known."""

    items: Mapping[str, float]
    pairs: Mapping[str, float]


NO_PRIORS = Priors({}, {})

# fmt: off
NAMES = (
    "same_item", "same_class", "same_unit",
    "here", "distance", "distance_other", "nearer",
    "gap", "gap_hour", "gap_week", "gap_other",
    "address", "street",
    "fixed", "fixed_other",
    "open_here", "not_alone", "around",
    "item_prior", "pair_prior",
    "by_staff", "of_staff", "channel",
    "asset", "own", "words", "photo",
)
# fmt: on


def spot_of(lon: float, lat: float) -> tuple[float, float]:
    """Name the spot of a position: all that round to the same four decimals of a degree."""
    return round(lon, 4), round(lat, 4)


def pair_key(item: str, other: str) -> str:
    """Name the prior of a report of ``item`` and a work order of ``other``."""
    return f"{item}|{other}"


def reach(asking: Asking, distance_m: float) -> float:
    """Give a distance as it counts: less half of what the position may be off, in units of the item's radius."""
    slack = min(asking.accuracy_m, MOST_SLACK_M) / 2
    return max(0.0, distance_m - slack) * STANDARD_M / max(1.0, asking.radius_m)


def rows(asking: Asking, sightings: Sequence[Sighting], priors: Priors = NO_PRIORS) -> list[tuple[float, ...]]:
    """Give the features of each sighting, in their order, named by ``NAMES``."""
    crowd = _Crowd(sightings)
    return [_row(asking, one, crowd, priors) for one in sightings]


class _Crowd:
    """The candidates as a whole: ranks by distance, and counts at each spot."""

    def __init__(self, sightings: Sequence[Sighting]) -> None:
        self.size = len(sightings)
        self.there = Counter((one.item, one.spot) for one in sightings)
        self.open = Counter((one.item, one.spot) for one in sightings if not one.fixed)
        self.nearer: dict[float, int] = {}
        for place, distance in enumerate(sorted(one.distance_m for one in sightings)):
            self.nearer.setdefault(distance, place)


def _row(asking: Asking, one: Sighting, crowd: _Crowd, priors: Priors) -> tuple[float, ...]:
    same, other = float(one.same_item), 1.0 - one.same_item
    distance = reach(asking, one.distance_m)
    far, gap = math.log1p(distance), math.log1p(60 * one.hours)
    key = one.item, one.spot
    return (
        same,
        float(one.same_class),
        float(one.same_unit),
        same * (distance < HERE_M),
        same * far,
        other * far,
        math.log1p(crowd.nearer[one.distance_m]),
        same * gap,
        same * max(0.0, gap - _HOUR),
        same * max(0.0, gap - _WEEK),
        other * gap,
        float(one.same_address),
        same * one.same_street,
        same * one.fixed,
        other * one.fixed,
        same * math.log1p(crowd.open[key] - (not one.fixed)),
        same * (crowd.there[key] > 1),
        math.log1p(crowd.size),
        priors.items.get(asking.item, 0.0),
        priors.pairs.get(pair_key(asking.item, one.item), 0.0),
        float(asking.staff),
        float(one.staff),
        float(one.same_channel),
        float(one.same_asset),
        float(one.own),
        one.words,
        one.photo,
    )


_HOUR, _WEEK = math.log1p(60), math.log1p(60 * 24 * 7)
