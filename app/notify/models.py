"""Tables of telling people: who wants to hear, what is to be sent, each try to send it."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Identified
from app.workorders.models import TimelineEvent


class ChannelKind(StrEnum):
    """By which way a person is reached."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    WECHAT = "wechat"


class Contact(Base, Identified):
    """An address of one channel that a person gave.

    Nothing but the question whether it is theirs goes there before ``confirmed_at``. ``address`` is encrypted
    (app/notify/keys.py) and ``digest`` is its keyed digest, by which it is found; both are empty once ``erased_at`` is
    set. ``given_at`` is when somebody gave it last. ``asked`` counts the questions, the last at ``asked_at``;
    ``guesses`` the wrong codes since. ``ended_at`` is set when the address refuses for good or its owner wants nothing
    more.
    """

    __tablename__ = "contacts"
    __table_args__ = (Index("uq_contacts_digest", "digest", unique=True, postgresql_where=text("erased_at IS NULL")),)

    channel: Mapped[ChannelKind]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[bytes] = mapped_column(LargeBinary)
    language: Mapped[str]
    created_at: Mapped[dt.datetime]
    given_at: Mapped[dt.datetime]
    asked: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[dt.datetime | None]
    guesses: Mapped[int] = mapped_column(default=0)
    confirmed_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    ended_because: Mapped[str] = mapped_column(default="")
    erased_at: Mapped[dt.datetime | None]


class Pace(StrEnum):
    """How often a follower hears: of each step, or in one letter a day or a week."""

    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"


class Subscription(Base, Identified):
    """What a contact wants to hear of: one work order, or what happens in an area, about an item, or both.

    ``subscriber`` is the id of the report that asked for it; a follower has none. ``about`` has number and place of
    that report, which messages name. ``after_event`` is the number of the last line of history that is not for them.
    ``told_until`` is where the last letter of an area ended. There is no foreign key to the report: reports lie above
    this package.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber", "contact_id"),
        Index(
            "uq_subscriptions_follower",
            "contact_id",
            "work_order_id",
            unique=True,
            postgresql_where=text("subscriber IS NULL AND work_order_id IS NOT NULL"),
        ),
        Index(
            "uq_subscriptions_topic",
            "contact_id",
            text("coalesce(area, '')"),
            text("coalesce(item, '')"),
            unique=True,
            postgresql_where=text("work_order_id IS NULL"),
        ),
        Index("ix_subscriptions_letters", "told_until", postgresql_where=text("work_order_id IS NULL")),
        CheckConstraint("work_order_id IS NOT NULL OR area IS NOT NULL OR item IS NOT NULL", name="about_something"),
    )

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), index=True)
    work_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("work_orders.id"), index=True)
    after_event: Mapped[int] = mapped_column(default=0, server_default="0")
    area: Mapped[str | None]
    item: Mapped[str | None]
    pace: Mapped[Pace] = mapped_column(default=Pace.EACH)
    subscriber: Mapped[UUID | None]
    about: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    language: Mapped[str]
    created_at: Mapped[dt.datetime]
    told_until: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]

    contact: Mapped[Contact] = relationship(lazy="raise")


class DeliveryKind(StrEnum):
    """What is told: a step of a work order, what happened in an area, or the question whose address it is."""

    STEP = "step"
    LETTER = "letter"
    QUESTION = "question"


class DeliveryState(StrEnum):
    """Where a delivery stands.

    ``held``: it may have gone before the database was restored, and an operator decides;
    ``sent``: the other side took it; ``delivered``: it reached the person, where a channel says so; ``failed``: the
    other side refused for good; ``given_up``: we stopped trying.
    """

    QUEUED = "queued"
    SENDING = "sending"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    GIVEN_UP = "given_up"


WENT = (DeliveryState.SENT, DeliveryState.DELIVERED)


class Delivery(Base, Identified):
    """One thing to be told to one contact, once: no event twice to the same subscription or the same contact.

    ``next_at`` is set while it is open: when a queued one may be tried, when one being sent was taken; a queued one
    without it waits for its contact to be confirmed. ``tries`` counts the attempts begun, ``last_answer`` is what the
    channel said last. ``copies`` counts how often staff had it sent once more. A letter tells of ``since`` to
    ``until``. ``number`` tells the questions to one contact apart.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("subscription_id", "event_id"),
        UniqueConstraint("contact_id", "event_id"),
        UniqueConstraint("subscription_id", "until"),
        UniqueConstraint("contact_id", "number"),
        Index("ix_deliveries_open", "next_at", postgresql_where=text("state IN ('queued', 'sending')")),
        Index("ix_deliveries_waiting", "contact_id", postgresql_where=text("state = 'queued' AND next_at IS NULL")),
        Index("ix_deliveries_event_id", "event_id"),
        Index("ix_deliveries_sent", "contact_id", "sent_at"),
        Index("ix_deliveries_held", "created_at", postgresql_where=text("state = 'held'")),
        Index("ix_deliveries_stuck", "created_at", postgresql_where=text("state IN ('failed', 'given_up')")),
        CheckConstraint(
            "CASE kind WHEN 'step' THEN event_id IS NOT NULL AND subscription_id IS NOT NULL"
            " WHEN 'letter' THEN until IS NOT NULL AND since IS NOT NULL AND subscription_id IS NOT NULL"
            " ELSE number IS NOT NULL END",
            name="whole",
        ),
    )

    kind: Mapped[DeliveryKind] = mapped_column(default=DeliveryKind.STEP)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    subscription_id: Mapped[UUID | None] = mapped_column(ForeignKey("subscriptions.id"))
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("timeline_events.id"))
    since: Mapped[dt.datetime | None]
    until: Mapped[dt.datetime | None]
    number: Mapped[int | None]
    state: Mapped[DeliveryState]
    tries: Mapped[int] = mapped_column(default=0)
    copies: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    next_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    last_answer: Mapped[str] = mapped_column(default="")

    contact: Mapped[Contact] = relationship(lazy="raise")
    subscription: Mapped[Subscription | None] = relationship(lazy="raise")
    event: Mapped[TimelineEvent | None] = relationship(lazy="raise")


class Attempt(Base):
    """One try of a delivery. ``ok`` is empty while it runs, and stays empty when the worker died in it."""

    __tablename__ = "delivery_attempts"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    answer: Mapped[str] = mapped_column(default="")
    ok: Mapped[bool | None]
