"""Read from EXIF what the product uses: orientation, time, position, direction, altitude.

Cameras, editors and attackers write anything here. Whatever makes no sense is left out; nothing here stops a
picture. Runs in the child: standard library and Pillow only. Tags: CIPA DC-008-2023 (EXIF 3.0).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

SIDEWAYS = frozenset({5, 6, 7, 8})
_ORIENTATIONS = range(1, 9)
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
# EXIF is of 1995: an earlier date is a clock that nobody set. A far later one overflows in another time zone.
_YEARS = range(1995, 2100)
_DEGREES_OF = (1.0, 60.0, 3600.0)
# Metres: below the Dead Sea, above any airliner.
_ALTITUDES = (-500.0, 15_000.0)
_BELOW_SEA = frozenset({1, 3})


@dataclass(frozen=True, slots=True)
class Facts:
    """What EXIF says. ``taken_at`` is ISO 8601, with an offset where one is known.

    ``position`` is (lon, lat) in degrees of WGS 84, ``direction`` degrees from north, clockwise, ``altitude`` metres
    above the sea.
    """

    orientation: int = 1
    taken_at: str | None = None
    position: tuple[float, float] | None = None
    direction: float | None = None
    altitude: float | None = None


def read(image: Image.Image) -> Facts:
    """Read the facts of a loaded picture; what is missing or makes no sense is left out."""
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # noqa: BLE001  # a parser of hostile bytes: whatever it raises, there are no facts
        return Facts()
    return Facts(orientation_of(exif), taken_at_of(details), position_of(gps), direction_of(gps), altitude_of(gps))


def orientation_of(exif: Mapping[int, Any]) -> int:
    """Give the orientation, 1 to 8; 1 where it is missing or none of these."""
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and value in _ORIENTATIONS else 1


def taken_at_of(details: Mapping[int, Any]) -> str | None:
    """Give the camera's clock at the exposure, else at the digitisation."""
    for moment, offset in (
        (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
        (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
    ):
        reading = _clock(_text(details.get(moment)))
        if reading is not None:
            zone = _text(details.get(offset))
            return reading.isoformat() + (zone if _OFFSET.fullmatch(zone) else "")
    return None


def position_of(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """Give (lon, lat), or None where either is missing, no number, without its reference, or out of range."""
    lat = _angle(gps, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "NS", 90.0)
    lon = _angle(gps, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "EW", 180.0)
    # Phones without a fix write zeros; nobody photographs at exactly 0, 0.
    if lat is None or lon is None or lat == lon == 0.0:
        return None
    return lon, lat


def direction_of(gps: Mapping[int, Any]) -> float | None:
    """Give where the camera looked, in degrees from north, below 360."""
    value = _number(gps.get(ExifTags.GPS.GPSImgDirection))
    return value % 360.0 if 0.0 <= value <= 360.0 else None  # noqa: PLR2004  # a full circle; false for NaN


def altitude_of(gps: Mapping[int, Any]) -> float | None:
    """Give metres above the sea, below it less than 0; the reference counts as 0, above, where it is missing.

    EXIF 3.0 has two more references, above and below the ellipsoid; they differ by up to 100 m, as phones do.
    """
    height, reference = _number(gps.get(ExifTags.GPS.GPSAltitude)), gps.get(ExifTags.GPS.GPSAltitudeRef, 0)
    if isinstance(reference, bytes):
        reference = int.from_bytes(reference, "big")
    # What another program wrote with a sign of its own is below the sea already.
    altitude = -abs(height) if isinstance(reference, int) and reference in _BELOW_SEA else height
    return altitude if _ALTITUDES[0] <= altitude <= _ALTITUDES[1] else None


def _angle(gps: Mapping[int, Any], tag: int, reference_tag: int, references: str, most: float) -> float | None:
    parts = gps.get(tag)
    reference = _text(gps.get(reference_tag)).upper()
    if not isinstance(parts, tuple) or len(parts) != len(_DEGREES_OF) or reference not in tuple(references):
        return None
    numbers = [_number(part) for part in parts]
    total = sum(number / unit for number, unit in zip(numbers, _DEGREES_OF, strict=True))
    if not all(number >= 0 for number in numbers) or not total <= most:
        return None
    return total if reference == references[0] else -total


def _number(value: Any) -> float:
    """Give a finite float, else NaN, which every comparison refuses."""
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return value.strip(" \0") if isinstance(value, str) else ""


def _clock(text: str) -> dt.datetime | None:
    try:
        reading = dt.datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  # EXIF keeps the zone in another tag
    except ValueError:
        return None
    return reading if reading.year in _YEARS else None
