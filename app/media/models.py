"""The table of photos."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point

# A hash of 64 bits has four bands of 16. Two hashes that differ in three bits agree in at least one of them.
BAND_SHIFTS = (0, 16, 32, 48)


class Photo(Base, Identified):
    """A photo that somebody sent. The original is private; what is shown are renditions.

    ``digest`` is SHA-256 of the original's bytes in hex, ``key`` its place in the store: the same bytes sent twice
    are two rows over one stored object. ``width`` and ``height`` are pixels as shown, after ``orientation`` (EXIF, 1
    to 8) is applied. ``taken_at`` is the camera's clock; where ``taken_zone_known`` is false its reading stands there
    as though it were UTC. ``position`` is WGS 84 and ``direction`` degrees from north, both from EXIF. ``dhash``
    and ``sharpness`` say what the picture looks like (app/media/likeness.py); they are empty where it shows nothing to
    compare, and for photos of before they were kept. A photo without ``claimed_at`` belongs to no report and no work
    order, and is removed after a day.
    """

    __tablename__ = "photos"
    __table_args__ = (
        Index("ix_photos_digest", "digest"),
        Index("ix_photos_unclaimed", "stored_at", postgresql_where=text("claimed_at IS NULL")),
        *(Index(f"ix_photos_dhash_{shift}", text(f"((dhash >> {shift}) & 65535)")) for shift in BAND_SHIFTS),
    )

    digest: Mapped[str]
    key: Mapped[str]
    size: Mapped[int]
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    orientation: Mapped[int]
    taken_at: Mapped[dt.datetime | None]
    taken_zone_known: Mapped[bool]
    position: Mapped[Point | None] = mapped_column(GeographyPoint())
    direction: Mapped[float | None]
    dhash: Mapped[int | None]
    sharpness: Mapped[float | None]
    stored_at: Mapped[dt.datetime]
    claimed_at: Mapped[dt.datetime | None]
    rendered_at: Mapped[dt.datetime | None]
    render_fault: Mapped[str | None]
