"""The tables of photos: what arrived, what is still to come, and what staff decided."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point

# A hash of 64 bits has four bands of 16. Two hashes that differ in three bits agree in at least one of them.
BAND_SHIFTS = (0, 16, 32, 48)
# What only its bytes can say of a photo: all of it is known, or nothing.
OF_BYTES = ("digest", "key", "size", "media_type", "width", "height", "orientation", "taken_zone_known")


class Photo(Base, Identified):
    """A photo that somebody sent. The original is private; what is shown are renditions.

    A photo that is uploaded directly has its row before its bytes. Until ``arrived_at`` it has a ``DirectUpload``, and
    what only its bytes can say is empty, whatever the types of ``digest`` to ``taken_zone_known`` promise: ask first.

    ``digest`` is SHA-256 of the original's bytes in hex, ``key`` its place in the store: the same bytes sent twice
    are two rows over one stored object. ``width`` and ``height`` are pixels as shown, after ``orientation`` (EXIF, 1
    to 8) is applied. ``taken_at`` is the camera's clock; where ``taken_zone_known`` is false its reading stands there
    as though it were UTC. ``position`` is WGS 84, ``direction`` degrees from north, ``altitude`` metres above the sea:
    from EXIF, and as private as the original. ``dhash`` and ``sharpness`` say what the picture looks like
    (app/media/likeness.py); they are empty where it shows nothing to compare, and for photos of before they were kept.
    ``boxes`` is what is masked in public (app/media/masks.py), and
    ``mask_revision`` counts its changes: the masked renditions of this revision are in the store since ``masked_at``.
    ``detected_at`` says that the detectors looked. See ``is_public``. A photo without ``claimed_at`` belongs to no
    report and no work order, and is removed after a day.
    """

    __tablename__ = "photos"
    __table_args__ = (
        CheckConstraint(
            f"num_nonnulls({', '.join(OF_BYTES)}) = CASE WHEN arrived_at IS NULL THEN 0 ELSE {len(OF_BYTES)} END",
            name="arrived",
        ),
        Index("ix_photos_digest", "digest"),
        Index("ix_photos_unclaimed", "stored_at", postgresql_where=text("claimed_at IS NULL")),
        Index("ix_photos_unmasked", "stored_at", postgresql_where=text("masked_at IS NULL AND claimed_at IS NOT NULL")),
        # The band finds, the hash decides, the id leads to the row: the table is read for what is alike alone.
        *(
            Index(f"ix_photos_dhash_{shift}", text(f"((dhash >> {shift}) & 65535)"), "dhash", postgresql_include=["id"])
            for shift in BAND_SHIFTS
        ),
    )

    digest: Mapped[str] = mapped_column(nullable=True)
    key: Mapped[str] = mapped_column(nullable=True)
    size: Mapped[int] = mapped_column(nullable=True)
    media_type: Mapped[str] = mapped_column(nullable=True)
    width: Mapped[int] = mapped_column(nullable=True)
    height: Mapped[int] = mapped_column(nullable=True)
    orientation: Mapped[int] = mapped_column(nullable=True)
    taken_at: Mapped[dt.datetime | None]
    taken_zone_known: Mapped[bool] = mapped_column(nullable=True)
    position: Mapped[Point | None] = mapped_column(GeographyPoint())
    direction: Mapped[float | None]
    altitude: Mapped[float | None]
    dhash: Mapped[int | None]
    sharpness: Mapped[float | None]
    stored_at: Mapped[dt.datetime]
    arrived_at: Mapped[dt.datetime | None]
    claimed_at: Mapped[dt.datetime | None]
    rendered_at: Mapped[dt.datetime | None]
    render_fault: Mapped[str | None]
    boxes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    mask_revision: Mapped[int] = mapped_column(default=0)
    masked_at: Mapped[dt.datetime | None]
    mask_fault: Mapped[str | None]
    detected_at: Mapped[dt.datetime | None]
    released_at: Mapped[dt.datetime | None]
    released_by: Mapped[UUID | None]
    hidden_at: Mapped[dt.datetime | None]
    hidden_by: Mapped[UUID | None]
    hidden_reason: Mapped[str | None]

    @property
    def is_public(self) -> bool:
        """Say whether everybody may see the masked renditions: they are made, somebody looked, and nobody hid them."""
        looked = self.detected_at is not None or self.released_at is not None
        return self.masked_at is not None and looked and self.hidden_at is None


class SpooledPhoto(Base):
    """The original of a photo that the store has not taken yet; ``size`` is in bytes."""

    __tablename__ = "spooled_photos"
    __table_args__ = (Index("ix_spooled_photos_spooled_at", "spooled_at"),)

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    size: Mapped[int]
    spooled_at: Mapped[dt.datetime]


class UploadState(StrEnum):
    """How far a direct upload is: its bytes are awaited, here, a photo, no picture, or were awaited in vain."""

    EXPECTED = "expected"
    ARRIVED = "arrived"
    READY = "ready"
    REFUSED = "refused"
    NEVER_ARRIVED = "never_arrived"


class DirectUpload(Base):
    """A direct upload: what the client announced of a photo, and how far it is.

    ``media_type`` and ``size`` are what the client announced, ``name`` its own name for the file. ``attempt`` counts
    from 1; a refused upload begins another one, whose bytes lie elsewhere. ``since`` is when the state began, and
    ``fault`` says why the last attempt was refused.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_open", "opened_at", postgresql_where=text("state <> 'ready' AND state <> 'never_arrived'")),
    )

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True)
    media_type: Mapped[str]
    size: Mapped[int]
    name: Mapped[str]
    state: Mapped[UploadState]
    attempt: Mapped[int]
    opened_at: Mapped[dt.datetime]
    since: Mapped[dt.datetime]
    fault: Mapped[str | None]


class Decision(StrEnum):
    """What staff may do with the picture of a photo."""

    MASK = "mask"
    RELEASE = "release"
    HIDE = "hide"
    SHOW = "show"


class PhotoDecision(Base, Identified):
    """A line of a photo's history: who did what with its picture, and when. Never changed.

    ``boxes`` is what was masked from then on, ``reason`` why it was hidden.
    """

    __tablename__ = "photo_decisions"
    __table_args__ = (Index("ix_photo_decisions_photo_id", "photo_id", "at"),)

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    at: Mapped[dt.datetime]
    by: Mapped[UUID]
    decision: Mapped[Decision]
    reason: Mapped[str | None]
    boxes: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
