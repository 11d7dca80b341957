"""Tables of the work order: the problem, its history, its clocks, its evidence."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.models import Item, TimeUnit, Urgency
from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point
from app.workorders.states import ENDED, EventKind, Outcome, State

# Literal SQL: a bound parameter would keep the planner from seeing that the partial index fits.
_ENDED = ", ".join(f"'{state}'" for state in ENDED)
LIVE = text(f"work_orders.state NOT IN ({_ENDED})")
_LIVE_INDEX = text(f"state NOT IN ({_ENDED})")


class WorkOrder(Base, Identified):
    """One problem in the world. ``public_id`` is what the outside sees: 50 random bits, Crockford base 32.

    ``position`` is WGS 84, ``accuracy_m`` the radius of its circle in metres. ``lead_unit`` repeats the code of the
    lead assignment, ``community``, ``street`` and ``district`` the codes of its areas, so that a queue is one index
    scan. ``reports`` counts the reports that joined; ``events`` and ``head`` are number and hash of the last timeline
    event; all three are held under the row's lock. ``due_at`` is what was promised: the handling or the rework clock
    (``promise`` is what of it is shown).
    ``hold_until`` ends a hold, ``close_at`` is when silence closes what is fixed. ``rounds`` counts how often it came
    back after it was said to be fixed, ``urgent_at`` is when it was moved to the green channel. ``merged_into`` is the
    survivor of a merge.
    """

    __tablename__ = "work_orders"
    __table_args__ = (
        Index(
            "ix_work_orders_live_position",
            "position",
            "item_code",
            postgresql_using="gist",
            postgresql_where=_LIVE_INDEX,
        ),
        Index("ix_work_orders_lead_unit_state", "lead_unit", "state", "opened_at"),
        Index("ix_work_orders_live_asset", "asset_id", postgresql_where=_LIVE_INDEX),
        # Queues and lists: one index each for a unit's queue, and for what a whole city or a state has, oldest first.
        Index("ix_work_orders_queue", "lead_unit", text("urgency DESC"), "due_at", "id", postgresql_where=_LIVE_INDEX),
        Index("ix_work_orders_live_opened", "opened_at", "id", postgresql_where=_LIVE_INDEX),
        Index("ix_work_orders_live_state", "state", "opened_at", "id", postgresql_where=_LIVE_INDEX),
        Index(
            "ix_work_orders_co_units",
            "co_units",
            postgresql_using="gin",
            postgresql_ops={"co_units": "jsonb_path_ops"},
        ),
        Index("ix_work_orders_live_street", "street", "state", "opened_at", postgresql_where=_LIVE_INDEX),
        Index("ix_work_orders_live_district", "district", "state", "opened_at", postgresql_where=_LIVE_INDEX),
        # What happened in a time, of which letters tell.
        Index("ix_work_orders_opened_at", "opened_at"),
        Index("ix_work_orders_fixed_at", "fixed_at", postgresql_where=text("fixed_at IS NOT NULL")),
        Index("ix_work_orders_hold_until", "hold_until", postgresql_where=text("hold_until IS NOT NULL")),
        Index("ix_work_orders_close_at", "close_at", postgresql_where=text("close_at IS NOT NULL")),
    )

    public_id: Mapped[str] = mapped_column(unique=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("items.id"))
    item_code: Mapped[str]
    urgency: Mapped[Urgency]
    sensitive: Mapped[bool]
    state: Mapped[State]
    outcome: Mapped[Outcome | None]
    position: Mapped[Point] = mapped_column(GeographyPoint())
    accuracy_m: Mapped[float]
    community: Mapped[str | None]
    street: Mapped[str]
    district: Mapped[str | None]
    asset_id: Mapped[UUID | None] = mapped_column(ForeignKey("assets.id"))
    lead_unit: Mapped[str | None]
    co_units: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    opened_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime | None]
    fixed_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    hold_until: Mapped[dt.datetime | None]
    close_at: Mapped[dt.datetime | None]
    urgent_at: Mapped[dt.datetime | None]
    rounds: Mapped[int] = mapped_column(default=0, server_default="0")
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("work_orders.id"))
    reports: Mapped[int]
    events: Mapped[int]
    head: Mapped[bytes | None] = mapped_column(LargeBinary)
    flags: Mapped[list[str]]

    item: Mapped[Item] = relationship(lazy="raise")

    @property
    def areas(self) -> tuple[str, ...]:
        """Give the codes of its areas within the city, smallest first."""
        return tuple(code for code in (self.community, self.street, self.district) if code)

    @property
    def promise(self) -> dt.datetime | None:
        """Give until when it was promised to be fixed; nothing while a hold pauses that.

        A hold pauses the handling clock only: one that came back is still due by its rework clock.
        """
        return None if self.hold_until and not self.rounds else self.due_at

    @property
    def promised(self) -> str | None:
        """Give what was promised in the form that history carries: ISO 8601."""
        return self.promise.isoformat() if self.promise else None

    @property
    def version(self) -> str:
        """Give what changes with every step: the number of the last line of its history."""
        return f"{self.public_id} {self.events}"


class TimelineEvent(Base, Identified):
    """One line of history, append-only, numbered from 1 and hash-chained per work order.

    ``hash`` is SHA-256 over a canonical form that includes ``previous`` and ``payload_digest``; the payload is stored
    apart, so that personal words can be erased without breaking the chain.
    """

    __tablename__ = "timeline_events"
    __table_args__ = (UniqueConstraint("work_order_id", "number"),)

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    number: Mapped[int]
    kind: Mapped[EventKind]
    at: Mapped[dt.datetime]
    by: Mapped[str]
    public: Mapped[bool]
    payload_digest: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)

    payload: Mapped[TimelinePayload | None] = relationship(lazy="raise", viewonly=True)


class WorkOrderChange(Base):
    """A work order that changed since what is derived of it was made; the row goes when that is made anew.

    Only added in the transaction of a step and never waited for: two steps share no row. It has no foreign key, for
    it lives a second.
    """

    __tablename__ = "work_order_changes"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    work_order_id: Mapped[UUID]


class TimelinePayload(Base):
    """What a line of history says: unit, note, photos, the report it is about. It can be erased."""

    __tablename__ = "timeline_payloads"

    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[dict[str, Any]]


class DeadlineKind(StrEnum):
    """Which clock it is."""

    DISPATCH = "dispatch"
    SIGN_FOR = "sign_for"
    HANDLING = "handling"
    ADJUDICATION = "adjudication"
    REWORK = "rework"
    SUPERVISION = "supervision"


# The same: what ran over, was marked by the minute job, and is not ended.
_BREACHED = "breached_at IS NOT NULL AND met_at IS NULL AND stopped_at IS NULL"
BREACHED = text(f"deadlines.{_BREACHED}".replace("AND ", "AND deadlines."))


class Deadline(Base, Identified):
    """A clock: it starts at an event, is due once and is never set anew by an edit.

    ``counts`` is how it counts time. It ends as ``met_at``, or where it has no sense any more (transferred, declined,
    set anew by 加急) as ``stopped_at``. While it is paused ``left_s`` keeps the seconds of its time that are left, and
    ``due_at`` is set when it goes on. ``next_at`` is when the minute job looks at it next, empty while it need not:
    first when it is due, then at each escalation; ``level`` counts those.
    """

    __tablename__ = "deadlines"
    __table_args__ = (
        Index("ix_deadlines_work_order_id", "work_order_id"),
        Index("ix_deadlines_breached", "work_order_id", postgresql_where=text(_BREACHED)),
        Index("ix_deadlines_next_at", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    kind: Mapped[DeadlineKind]
    unit: Mapped[str | None]
    counts: Mapped[TimeUnit]
    starts_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    met_at: Mapped[dt.datetime | None]
    stopped_at: Mapped[dt.datetime | None]
    paused_at: Mapped[dt.datetime | None]
    left_s: Mapped[float | None]
    breached_at: Mapped[dt.datetime | None]
    level: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[dt.datetime | None]


class Evidence(Base):
    """A photo that a crew brought: progress or after the repair."""

    __tablename__ = "evidence"

    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), primary_key=True, index=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    after: Mapped[bool]


class TakenStep(Base):
    """A step that came with an Idempotency-Key: sent again, by a phone that was offline too, it is not taken twice.

    ``digest`` is the SHA-256 of who asked for what, ``event_id`` the line of history that it wrote, which has the time
    on the phone too. ``answer`` is the work order as the step left it, for who may not see what became of it since;
    steps of before it was kept have none.
    """

    __tablename__ = "taken_steps"

    key: Mapped[UUID] = mapped_column(primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    arrived_at: Mapped[dt.datetime]
    answer: Mapped[dict[str, Any] | None]


__all__ = [
    "BREACHED",
    "LIVE",
    "Deadline",
    "DeadlineKind",
    "EventKind",
    "Evidence",
    "TakenStep",
    "TimelineEvent",
    "TimelinePayload",
    "WorkOrder",
    "WorkOrderChange",
]
