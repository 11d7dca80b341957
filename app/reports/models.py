"""Tables of the report. A report never changes; its link to a work order lies in a table of its own."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point


class PositionSource(StrEnum):
    """Where a report's position comes from."""

    SENT = "sent"
    PHOTO = "photo"


class Report(Base, Identified):
    """What one resident sent. ``position`` is WGS 84; ``sent`` keeps longitude, latitude and datum as they came.

    ``place`` is where it was found to lie, as answered then. ``idempotency_key`` is the client's own and unique for
    ever; ``content_digest`` tells the same content from another under it. ``tracking_digest`` is the SHA-256 of the
    secret in the tracking link.
    """

    __tablename__ = "reports"

    number: Mapped[str] = mapped_column(unique=True)
    idempotency_key: Mapped[UUID | None] = mapped_column(unique=True)
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    tracking_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    description: Mapped[str]
    language: Mapped[str]
    channel: Mapped[str]
    item_code: Mapped[str | None]
    position: Mapped[Point] = mapped_column(GeographyPoint())
    position_source: Mapped[PositionSource]
    accuracy_m: Mapped[float]
    sent: Mapped[dict[str, Any]]
    place: Mapped[dict[str, Any]]
    filed_at: Mapped[dt.datetime]


class How(StrEnum):
    """How a report came to its work order."""

    OPENED = "opened"
    AUTO = "auto"
    SAME_AS = "same_as"


class ReportLink(Base):
    """Which work order a report belongs to now."""

    __tablename__ = "report_links"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    how: Mapped[How]
    linked_at: Mapped[dt.datetime]


class ReportPhoto(Base):
    """A photo of a report; ``position`` is its place in the row, from 0."""

    __tablename__ = "report_photos"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), unique=True)
