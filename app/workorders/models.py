"""Tables of the work order: the problem, its history, its clocks, its evidence."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.models import Item, Urgency
from app.db import Base, Identified
from app.geo.types import GeographyPoint, Point
from app.workorders.lifecycle import Outcome, State

# Literal SQL: a bound parameter would keep the planner from seeing that the partial index fits.
LIVE = text(f"work_orders.state <> '{State.CLOSED}'")
_LIVE_INDEX = text(f"state <> '{State.CLOSED}'")


class WorkOrder(Base, Identified):
    """One problem in the world. ``public_id`` is what the outside sees: 50 random bits, Crockford base 32.

    ``position`` is WGS 84, ``accuracy_m`` the radius of its circle in metres. ``lead_unit`` repeats the code of the
    lead assignment, ``street`` and ``district`` the codes of its areas, so that a queue is one index scan.
    ``reports`` counts the reports that joined; ``events`` and ``head`` are number and hash of the last timeline event;
    all three are held under the row's lock.
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
    street: Mapped[str]
    district: Mapped[str | None]
    asset_id: Mapped[UUID | None] = mapped_column(ForeignKey("assets.id"))
    lead_unit: Mapped[str | None]
    opened_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime | None]
    fixed_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    reports: Mapped[int]
    events: Mapped[int]
    head: Mapped[bytes | None] = mapped_column(LargeBinary)
    flags: Mapped[list[str]]

    item: Mapped[Item] = relationship(lazy="raise")


class EventKind(StrEnum):
    """What a line of history tells."""

    RECEIVED = "received"
    JOINED = "joined"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    NOTE = "note"
    FIXED = "fixed"
    CLOSED = "closed"


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


class Deadline(Base, Identified):
    """A clock: it starts at the event, is due once and is never set anew by an edit. ``met_at`` ends it."""

    __tablename__ = "deadlines"
    __table_args__ = (
        UniqueConstraint("work_order_id", "kind"),
        Index("ix_deadlines_running", "due_at", postgresql_where=text("met_at IS NULL")),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    kind: Mapped[DeadlineKind]
    unit: Mapped[str | None]
    starts_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    met_at: Mapped[dt.datetime | None]


class Evidence(Base):
    """A photo that a crew brought: progress or after the repair."""

    __tablename__ = "evidence"

    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), primary_key=True, index=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    after: Mapped[bool]
