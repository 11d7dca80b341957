"""The table of evidence checks."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Identified
from app.workorders.models import WorkOrder


class Verdict(StrEnum):
    """What a person says to evidence whose check failed."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class EvidenceCheck(Base, Identified):
    """What was found about the photos of one "fixed"; it belongs to the event, so that a second repair has its own.

    ``unit`` is the code of the unit that said fixed. ``findings`` holds for every photo, in the order in which they
    came, an object for each finding: ``photo`` (id), ``kind``, ``passed`` (null where it could not be judged),
    ``detail`` and ``values``. A failed check waits for the verdict of a person; ``checked_by`` is who gave it.
    """

    __tablename__ = "evidence_checks"
    __table_args__ = (
        Index("ix_evidence_checks_open", "unit", "at", "id", postgresql_where=text("failed AND verdict IS NULL")),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"), unique=True)
    unit: Mapped[str]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    failed: Mapped[bool]
    at: Mapped[dt.datetime]
    checked_at: Mapped[dt.datetime | None]
    checked_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    verdict: Mapped[Verdict | None]
    note: Mapped[str | None]

    work_order: Mapped[WorkOrder] = relationship(lazy="raise")
