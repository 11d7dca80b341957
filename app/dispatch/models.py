"""Tables of dispatch: assignments, disputes, declines, supervisions, and notices to units."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.models import Unit
from app.db import Base, Identified
from app.workorders.models import WorkOrder


class Part(StrEnum):
    """What a unit's part is: lead (主办) or co (协办)."""

    LEAD = "lead"
    CO = "co"


# Literal SQL: a bound parameter would keep the planner from seeing that the partial index fits.
IS = {part: text(f"assignments.part = '{part}'") for part in Part}


class Assignment(Base, Identified):
    """A unit's part in a work order. ``explanation`` says why this unit, as it was decided then.

    ``ruled``: an adjudicator gave it to the unit, which cannot refuse it again. ``ended_at`` is set when another unit
    takes the part over.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        Index(
            "uq_assignments_lead",
            "work_order_id",
            unique=True,
            postgresql_where=text("part = 'lead' AND ended_at IS NULL"),
        ),
        Index(
            "uq_assignments_unit",
            "work_order_id",
            "unit_code",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_assignments_open_co",
            "unit_code",
            postgresql_where=text("part = 'co' AND ended_at IS NULL AND finished_at IS NULL"),
        ),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("units.id"))
    unit_code: Mapped[str]
    part: Mapped[Part]
    explanation: Mapped[dict[str, Any]]
    ruled: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    assigned_at: Mapped[dt.datetime]
    signed_at: Mapped[dt.datetime | None]
    signed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    finished_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]

    unit: Mapped[Unit] = relationship(lazy="raise")


class Dispute(Base, Identified):
    """A unit's refusal and the ruling on it; a decline ends it too. A unit refuses a work order once."""

    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("work_order_id", "unit"),
        Index("ix_disputes_open", "opened_at", postgresql_where=text("ended_at IS NULL")),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    unit: Mapped[str]
    reason: Mapped[str]
    reference: Mapped[str]
    opened_at: Mapped[dt.datetime]
    opened_by: Mapped[str]
    ended_at: Mapped[dt.datetime | None]
    ruled_by: Mapped[str | None]
    ruled_unit: Mapped[str | None]
    ruling: Mapped[str | None]
    rule_id: Mapped[UUID | None] = mapped_column(ForeignKey("responsibilities.id"))

    work_order: Mapped[WorkOrder] = relationship(lazy="raise")


class Verdict(StrEnum):
    """What a supervisor makes of a decline."""

    UPHELD = "upheld"
    RECONSIDERED = "reconsidered"


class Decline(Base, Identified):
    """What the city does not take on (不予受理), for which of the pack's reasons, and what a supervisor says to it."""

    __tablename__ = "declines"
    __table_args__ = (
        Index("ix_declines_open", "decided_at", postgresql_where=text("reviewed_at IS NULL")),
        Index("ix_declines_decided_at", "decided_at", "id"),
        Index("ix_declines_work_order_id", "work_order_id"),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    reason: Mapped[str]
    words: Mapped[dict[str, Any]]
    note: Mapped[str]
    decided_at: Mapped[dt.datetime]
    decided_by: Mapped[str]
    reviewed_at: Mapped[dt.datetime | None]
    reviewed_by: Mapped[str | None]
    verdict: Mapped[Verdict | None]
    review: Mapped[str | None]

    work_order: Mapped[WorkOrder] = relationship(lazy="raise")


class Supervision(Base, Identified):
    """A unit must answer for a work order (督办), to the dispatch centre of a level, until a moment."""

    __tablename__ = "supervisions"
    __table_args__ = (
        Index("uq_supervisions_open", "work_order_id", unique=True, postgresql_where=text("answered_at IS NULL")),
        Index("ix_supervisions_open", "due_at", postgresql_where=text("answered_at IS NULL")),
        Index("ix_supervisions_due_at", "due_at", "id"),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    unit: Mapped[str]
    level: Mapped[str]
    centre: Mapped[str | None]
    reason: Mapped[str]
    opened_at: Mapped[dt.datetime]
    opened_by: Mapped[str]
    due_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    answered_by: Mapped[str | None]
    answer: Mapped[str | None]

    work_order: Mapped[WorkOrder] = relationship(lazy="raise")


class NoticeKind(StrEnum):
    """Why a unit is told."""

    OVERDUE = "overdue"
    ESCALATED = "escalated"
    SUPERVISED = "supervised"
    RESUMED = "resumed"
    REWORK = "rework"
    RULED = "ruled"


class Notice(Base, Identified):
    """What a unit is told about a work order, in the product's own inbox.

    Of one clock each level is told once: 0 is the responsible unit, from 1 on the dispatch centres of larger areas.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("deadline_id", "level"),
        Index("ix_notices_unread", "unit", "at", postgresql_where=text("read_at IS NULL")),
        Index("ix_notices_work_order_id", "work_order_id"),
    )

    unit: Mapped[str]
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    deadline_id: Mapped[UUID | None] = mapped_column(ForeignKey("deadlines.id"))
    level: Mapped[int]
    kind: Mapped[NoticeKind]
    clock: Mapped[str | None]
    at: Mapped[dt.datetime]
    read_at: Mapped[dt.datetime | None]
    read_by: Mapped[str | None]

    work_order: Mapped[WorkOrder] = relationship(lazy="raise")
