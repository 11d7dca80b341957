"""Tables of the report. A report never changes; its link to a work order lies in a table of its own."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point
from app.workorders.models import WorkOrder


class PositionSource(StrEnum):
    """Where a report's position comes from."""

    SENT = "sent"
    PHOTO = "photo"


class Report(Base, Identified):
    """What one resident sent. ``position`` is WGS 84; ``sent`` keeps longitude, latitude and datum as they came.

    ``place`` is where it was found to lie, as answered then. ``idempotency_key`` is the client's own and unique for
    ever; ``content_digest`` tells the same content from another under it. ``tracking_digest`` is the SHA-256 of the
    secret in the tracking link. ``filed_by`` is who filed it at a desk for a caller, a visitor or on patrol.
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
    filed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))


class How(StrEnum):
    """How a report came to its work order."""

    OPENED = "opened"
    AUTO = "auto"
    SAME_AS = "same_as"
    MERGED = "merged"
    SPLIT = "split"


class RegroupingKind(StrEnum):
    """What moved the reports."""

    MERGE = "merge"
    SPLIT = "split"


class ReportLink(Base):
    """Which work order a report belongs to now."""

    __tablename__ = "report_links"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    how: Mapped[How]
    linked_at: Mapped[dt.datetime]


class Regrouping(Base, Identified):
    """Reports that went from one work order to another: a merge, or a split.

    ``before`` is what a merge changed, as it was (``app.reports.service.regroup.Before``), so that it can be undone;
    of a split it holds where the reports were.
    """

    __tablename__ = "regroupings"
    __table_args__ = (
        Index("ix_regroupings_source_id", "source_id"),
        Index("ix_regroupings_target_id", "target_id"),
    )

    kind: Mapped[RegroupingKind]
    source_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    target_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    at: Mapped[dt.datetime]
    by: Mapped[str]
    before: Mapped[dict[str, Any]]
    undone_at: Mapped[dt.datetime | None]
    undone_by: Mapped[str | None]


class ReportPhoto(Base):
    """A photo of a report; ``position`` is its place in the row, from 0."""

    __tablename__ = "report_photos"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), unique=True)


def _one_to_five(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN 1 AND 5", name=column)


class Rating(Base):
    """What a reporter thinks of a repair (好差评): 1 to 5 overall, and of speed, attitude and result where they say so.

    ``round`` is which repair of the work order it is about: 0 the first one, 1 the one after it came back, and so on.
    A reporter who rates a repair again replaces what they said of it; one who was moved by a merge says of another one.
    """

    __tablename__ = "ratings"
    __table_args__ = (
        *(_one_to_five(name) for name in ("overall", "speed", "attitude", "result")),
        Index("ix_ratings_unit_at", "unit", "at"),
        Index("ix_ratings_work_order_id", "work_order_id"),
    )

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    unit: Mapped[str | None]
    overall: Mapped[int]
    speed: Mapped[int | None]
    attitude: Mapped[int | None]
    result: Mapped[int | None]
    comment: Mapped[str]
    at: Mapped[dt.datetime]


class SampleReason(StrEnum):
    """Why a repair is checked before it closes."""

    SAMPLE = "sample"  # by chance, more often for units that are rated badly
    REWORK = "rework"  # it came back once


class CheckKind(StrEnum):
    """How it is checked: by a call to the reporter, or at the place."""

    CALL = "call"
    SITE = "site"


class SpotCheck(Base, Identified):
    """A repair that is checked by a call or a visit before it closes; one for each round."""

    __tablename__ = "spot_checks"
    __table_args__ = (
        Index("uq_spot_checks_round", "work_order_id", "round", unique=True),
        Index("ix_spot_checks_open", "at", postgresql_where=text("done_at IS NULL")),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    round: Mapped[int]
    unit: Mapped[str | None]
    reason: Mapped[SampleReason]
    at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    done_by: Mapped[str | None]
    kind: Mapped[CheckKind | None]
    passed: Mapped[bool | None]
    note: Mapped[str | None]

    work_order: Mapped[WorkOrder] = relationship(lazy="raise")
