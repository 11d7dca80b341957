"""The table of photos."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point


class Photo(Base, Identified):
    """A photo that somebody sent. The original is private; what is shown are renditions.

    ``digest`` is SHA-256 of the original's bytes in hex, ``key`` its place in the store: the same bytes sent twice
    are two rows over one stored object. ``width`` and ``height`` are pixels as shown, after ``orientation`` (EXIF, 1
    to 8) is applied. ``taken_at`` is the camera's clock; where ``taken_zone_known`` is false its reading stands there
    as though it were UTC. ``position`` is WGS 84 and ``direction`` degrees from north, both from EXIF. A photo
    without ``claimed_at`` belongs to no report and no work order, and is removed after a day.
    """

    __tablename__ = "photos"
    __table_args__ = (
        Index("ix_photos_digest", "digest"),
        Index("ix_photos_unclaimed", "stored_at", postgresql_where=text("claimed_at IS NULL")),
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
    stored_at: Mapped[dt.datetime]
    claimed_at: Mapped[dt.datetime | None]
    rendered_at: Mapped[dt.datetime | None]
    render_fault: Mapped[str | None]
