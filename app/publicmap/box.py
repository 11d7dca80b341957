"""Boxes of degrees, as a map asks for them."""

from __future__ import annotations

Box = tuple[float, float, float, float]  # west, south, east, north; west is not greater than east

# What the projection of web maps can show (EPSG 3857 ends at 85.06 degrees).
LATITUDE_MOST = 85.0
WHOLE_TURN = 360.0


def split_box(west: float, south: float, east: float, north: float) -> tuple[Box, ...]:
    """Cut a box to the map: one box, or two where it crosses the date line (RFC 7946, 5.2).

    West greater than east crosses it. Longitudes beyond 180 degrees, as a map that was panned round the world counts
    them, are turned back; a box of a whole turn or more is the whole world.
    """
    south, north = (max(-LATITUDE_MOST, min(LATITUDE_MOST, each)) for each in (south, north))
    if east - west >= WHOLE_TURN:
        return ((-180.0, south, 180.0, north),)
    west, east = _turned(west), _turned(east)
    if west <= east:
        return ((west, south, east, north),)
    return ((west, south, 180.0, north), (-180.0, south, east, north))


def _turned(longitude: float) -> float:
    """Give a longitude between -180 and 180; those that are there already stay, the date line as it was written."""
    if -180.0 <= longitude <= 180.0:  # noqa: PLR2004  # degrees
        return longitude
    return (longitude + 180.0) % WHOLE_TURN - 180.0
