"""Datums: positions as China's map services give them, to and from WGS 84.

GCJ-02 is what Amap, Tencent and WeChat hand out, BD-09 is Baidu's. Both are WGS 84 with a shift of some hundred
metres. The formulas are not official; they are the ones that gcoord and coordtransform (MIT) and eviltransform
(BSD-style) publish, on the Krasovsky 1940 ellipsoid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

from app.geo.types import Point

SEMI_MAJOR_M = 6378245.0
ECCENTRICITY_SQUARED = 0.00669342162296594323
WEST, EAST = 72.004, 137.8347
SOUTH, NORTH = 0.8293, 55.8271
BAIDU_TURN = math.pi * 3000.0 / 180.0

# The formulas are smooth to about 1e-14 degrees; each step wins two digits, so that a dozen is plenty.
PRECISION_DEG = 1e-12
STEPS = 30

Pair = tuple[float, float]


class Datum(StrEnum):
    """How a client's position is to be read."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


def to_wgs84(lon: float, lat: float, datum: Datum) -> Point:
    """Read a position, degrees of ``datum``, as WGS 84; the error of the inverse is below 1e-9 degrees.

    Outside the rectangle of the published formula (72.004 to 137.8347 E, 0.8293 to 55.8271 N) nothing is shifted.
    At its border the shift begins at once, so that a band of some hundred metres has two originals or none: a
    position outside the rectangle is taken as it is, one inside is shifted back even when that leads out of it.
    """
    if datum is Datum.WGS84 or not shifted(lon, lat):
        return Point(lon, lat)
    if datum is Datum.BD09:
        lon, lat = _inverse(_baidu, (lon, lat))
        if not shifted(lon, lat):
            return Point(lon, lat)
    return Point(*_inverse(_mars, (lon, lat)))


def from_wgs84(point: Point, datum: Datum) -> Pair:
    """Give longitude and latitude of a point in degrees of ``datum``; the inverse of ``to_wgs84``."""
    pair = (point.lon, point.lat)
    if datum is Datum.WGS84 or not shifted(*pair):
        return pair
    pair = _mars(pair)
    return _baidu(pair) if datum is Datum.BD09 and shifted(*pair) else pair


def shifted(lon: float, lat: float) -> bool:
    """Tell whether a position lies in the rectangle that the published formula shifts."""
    return WEST <= lon <= EAST and SOUTH <= lat <= NORTH


def _mars(wgs84: Pair) -> Pair:
    """Shift WGS 84 to GCJ-02 (eviltransform's ``transform`` and ``delta``)."""
    lon, lat = wgs84
    x, y = lon - 105.0, lat - 35.0
    sine = math.sin(math.radians(lat))
    bulge = 1 - ECCENTRICITY_SQUARED * sine * sine
    meridian_m = SEMI_MAJOR_M * (1 - ECCENTRICITY_SQUARED) / bulge**1.5
    parallel_m = SEMI_MAJOR_M / math.sqrt(bulge) * math.cos(math.radians(lat))
    return lon + math.degrees(_east_m(x, y) / parallel_m), lat + math.degrees(_north_m(x, y) / meridian_m)


def _east_m(x: float, y: float) -> float:
    shift = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    return (
        shift + _waves(6 * x, 2 * x, 20.0, 20.0) + _waves(x, x / 3, 20.0, 40.0) + _waves(x / 12, x / 30, 150.0, 300.0)
    )


def _north_m(x: float, y: float) -> float:
    shift = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    return (
        shift + _waves(6 * x, 2 * x, 20.0, 20.0) + _waves(y, y / 3, 20.0, 40.0) + _waves(y / 12, y / 30, 160.0, 320.0)
    )


def _waves(first: float, second: float, height: float, other: float) -> float:
    return (height * math.sin(first * math.pi) + other * math.sin(second * math.pi)) * 2.0 / 3.0


def _baidu(gcj02: Pair) -> Pair:
    """Shift GCJ-02 to BD-09 (coordtransform's ``gcj02tobd09``)."""
    lon, lat = gcj02
    radius = math.hypot(lon, lat) + 0.00002 * math.sin(lat * BAIDU_TURN)
    angle = math.atan2(lat, lon) + 0.000003 * math.cos(lon * BAIDU_TURN)
    return radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006


def _inverse(shift: Callable[[Pair], Pair], target: Pair) -> Pair:
    """Find the position that ``shift`` takes to ``target`` by fixed-point iteration.

    Both shifts change by less than 2 % of a step, so that every step wins nearly two digits. The formula is continued
    beyond its rectangle here: an iterate may cross the border without the iteration losing its way.
    """
    lon, lat = target
    for _ in range(STEPS):
        there = shift((lon, lat))
        off = target[0] - there[0], target[1] - there[1]
        lon, lat = lon + off[0], lat + off[1]
        if max(abs(off[0]), abs(off[1])) < PRECISION_DEG:
            break
    return lon, lat
