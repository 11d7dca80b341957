"""Tables of telling people: who wants to hear, what is to be sent, each try to send it."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Identified
from app.workorders.models import TimelineEvent


class ChannelKind(StrEnum):
    """By which way a person is reached."""

    EMAIL = "email"
    SMS = "sms"


class Subscription(Base, Identified):
    """A person who wants to hear of a work order. ``subscriber`` is the id of the report that asked for it.

    ``about`` has number and place of that report, which messages name. ``after_event`` is the number of the last line
    of history that is not for them. ``address`` is encrypted (app/notify/keys.py) and empty once ``erased_at`` is set.
    ``ended_at`` is set when the address refuses for good. There is no foreign key to the report: reports lie above
    this package.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (UniqueConstraint("subscriber", "channel"),)

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), index=True)
    after_event: Mapped[int] = mapped_column(default=0, server_default="0")
    subscriber: Mapped[UUID]
    about: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    channel: Mapped[ChannelKind]
    address: Mapped[bytes] = mapped_column(LargeBinary)
    language: Mapped[str]
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    erased_at: Mapped[dt.datetime | None]


class DeliveryState(StrEnum):
    """Where a delivery stands. ``failed``: the other side refused for good; ``given_up``: we stopped trying."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    GIVEN_UP = "given_up"


class Delivery(Base, Identified):
    """One event to be told to one subscription, once.

    ``next_at`` is set while it is open: when a queued one may be tried, when one being sent was taken. ``tries``
    counts the attempts begun, ``last_answer`` is what the channel said last.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("subscription_id", "event_id"),
        Index("ix_deliveries_open", "next_at", postgresql_where=text("state IN ('queued', 'sending')")),
        Index("ix_deliveries_event_id", "event_id"),
    )

    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("subscriptions.id"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"))
    state: Mapped[DeliveryState]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    next_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    last_answer: Mapped[str] = mapped_column(default="")

    subscription: Mapped[Subscription] = relationship(lazy="raise")
    event: Mapped[TimelineEvent] = relationship(lazy="raise")


class Attempt(Base):
    """One try of a delivery. ``ok`` is empty while it runs, and stays empty when the worker died in it."""

    __tablename__ = "delivery_attempts"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    answer: Mapped[str] = mapped_column(default="")
    ok: Mapped[bool | None]
