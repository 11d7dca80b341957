"""Table of assignments: a unit's part in a work order."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.models import Unit
from app.db import Base, Identified


class Part(StrEnum):
    """What a unit's part is: lead (主办) or co (协办)."""

    LEAD = "lead"
    CO = "co"


# Literal SQL: a bound parameter would keep the planner from seeing that the partial index fits.
LEAD = text(f"assignments.part = '{Part.LEAD}'")


class Assignment(Base, Identified):
    """A unit's part in a work order. ``explanation`` says why this unit, as it was decided then."""

    __tablename__ = "assignments"
    __table_args__ = (
        Index(
            "uq_assignments_lead",
            "work_order_id",
            unique=True,
            postgresql_where=text("part = 'lead' AND ended_at IS NULL"),
        ),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    part: Mapped[Part]
    explanation: Mapped[dict[str, Any]]
    assigned_at: Mapped[dt.datetime]
    signed_at: Mapped[dt.datetime | None]
    signed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    finished_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]

    unit: Mapped[Unit] = relationship(lazy="raise")
