"""Measures of shapes in degrees: metres, square metres, circles, slivers, holes.

Used when a pack is checked and loaded, and to draw the circle of an accuracy; distances of a request are measured
by the database.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from app.geo.types import Point

# WGS 84 (NIMA TR8350.2, table 3.1): semi-major axis in metres and first eccentricity.
SEMI_MAJOR_M = 6378137.0
ECCENTRICITY = 0.0818191908426

# Where a ring of a city has no spot this far from its edge it is a gap of the digitising, not a place. Boston's wards
# leave 31 gaps, the widest 3 m from edge to middle; Shenzhen's port area of Hong Kong has 200 m. A phone in the open is
# 3 to 10 m off, so that nobody can be known to stand inside anything narrower.
GAP_RADIUS_M = 10.0
SLIVER_M2 = 100.0
SLIVER_RADIUS_M = 0.5


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Give the metres of one degree of longitude and of latitude at a latitude, on the ellipsoid of WGS 84."""
    bulge = 1 - (ECCENTRICITY * math.sin(math.radians(lat))) ** 2
    east = math.radians(SEMI_MAJOR_M / math.sqrt(bulge) * math.cos(math.radians(lat)))
    north = math.radians(SEMI_MAJOR_M * (1 - ECCENTRICITY**2) / bulge**1.5)
    return max(east, 1e-6), north


def circle(point: Point, radius_m: float, corners: int = 64) -> Polygon:
    """Draw the circle of ``radius_m`` metres around a point as a polygon in degrees.

    The corners lie a little outside the circle so that polygon and circle have one area.
    """
    east, north = metres_per_degree(point.lat)
    turn = 2 * math.pi / corners
    radius = radius_m * math.sqrt(turn / math.sin(turn))
    angles = np.arange(corners) * turn
    lon, lat = point.lon + radius / east * np.cos(angles), point.lat + radius / north * np.sin(angles)
    return Polygon(np.column_stack([lon, lat]))


def area_m2(shape: BaseGeometry) -> float:
    """Give the area of a shape in square metres on the ellipsoid of WGS 84.

    By the cylindrical equal-area projection (Snyder, Map Projections, USGS PP 1395, equations 3-12 and 10-14).
    """
    return float(shapely.area(shapely.transform(shape, _equal_area)))


def _equal_area(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    e = ECCENTRICITY
    sine = np.sin(np.radians(degrees[:, 1]))
    q = (1 - e**2) * (sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e))
    return np.column_stack([SEMI_MAJOR_M * np.radians(degrees[:, 0]), SEMI_MAJOR_M * q / 2])


def flattened(shape: BaseGeometry) -> BaseGeometry:
    """Give a small shape in metres around its own middle (equirectangular, for widths only)."""
    west, south, east, north = shape.bounds
    scale = metres_per_degree((south + north) / 2)
    origin = np.array([(west + east) / 2, (south + north) / 2])
    return shapely.transform(shape, lambda degrees: (degrees - origin) * scale)


def is_sliver(shape: BaseGeometry) -> bool:
    """Tell whether every piece of an overlap is under 100 square metres or nowhere wider than a metre."""
    return all(
        area_m2(piece) < SLIVER_M2 or flattened(piece).buffer(-SLIVER_RADIUS_M).is_empty for piece in polygons(shape)
    )


def polygons(shape: BaseGeometry) -> list[Polygon]:
    """List the polygons of a shape, without its points and lines."""
    if isinstance(shape, Polygon):
        return [] if shape.is_empty else [shape]
    return [polygon for part in getattr(shape, "geoms", ()) for polygon in polygons(part)]


def multipolygon(shape: BaseGeometry) -> MultiPolygon:
    """Give the polygons of a shape as one multipolygon."""
    return MultiPolygon(polygons(shape))


def outline(shapes: list[BaseGeometry]) -> MultiPolygon:
    """Unite shapes into the outline of a city; its true holes stay, the gaps between neighbours are filled."""
    united: Any = shapely.union_all(shapes)
    return MultiPolygon([_filled(polygon) for polygon in polygons(united)])


def _filled(polygon: Polygon) -> Polygon:
    holes = [ring for ring in polygon.interiors if not _is_gap(Polygon(ring))]
    return Polygon(polygon.exterior, holes)


def _is_gap(ring: Polygon) -> bool:
    return bool(flattened(ring).buffer(-GAP_RADIUS_M).is_empty)
