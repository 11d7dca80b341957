"""Tables of webhooks: which system hears of what, and each event that it is to hear of.

``deliveries`` does not fit: it belongs to a subscription, which is one person's to one work order, in a language. A
webhook hears of many work orders, has a health of its own, and an event of it can be sent again on request.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import Staff
from app.db import Base, Identified
from app.notify.models import DeliveryState
from app.workorders.models import TimelineEvent


class Webhook(Base, Identified):
    """A system that hears of public steps by HTTP. An empty list of kinds, areas or items leaves all through.

    It never hears of more than its creator may see. The secrets are encrypted; the one before is used beside the new
    one until ``old_until``. While it fails, ``failing_since`` is when that began, ``failures`` counts them, and nothing
    is tried before ``retry_at``.
    """

    __tablename__ = "webhooks"

    url: Mapped[str]
    label: Mapped[str]
    kinds: Mapped[list[str]]
    areas: Mapped[list[str]]
    items: Mapped[list[str]]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_until: Mapped[dt.datetime | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[dt.datetime]
    disabled_at: Mapped[dt.datetime | None]
    disabled_because: Mapped[str] = mapped_column(default="", server_default="")
    failing_since: Mapped[dt.datetime | None]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    retry_at: Mapped[dt.datetime | None]
    last_success_at: Mapped[dt.datetime | None]
    last_answer: Mapped[str] = mapped_column(default="", server_default="")

    creator: Mapped[Staff] = relationship(lazy="raise")


class WebhookDelivery(Base, Identified):
    """One event to be sent to one webhook; its id is the ``webhook-id``, the same at every try and replay."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index("ix_webhook_deliveries_held", "created_at", postgresql_where=text("state = 'held'")),
        Index("ix_webhook_deliveries_open", "next_at", postgresql_where=text("state IN ('queued', 'sending')")),
    )

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("timeline_events.id"))
    state: Mapped[DeliveryState]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    next_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    last_answer: Mapped[str] = mapped_column(default="")

    event: Mapped[TimelineEvent] = relationship(lazy="raise")
