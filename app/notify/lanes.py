"""The queues that messages wait in: each channel has its own, so that a server that is silent delays no other."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy.orm import Session

from app.jobs import Queue, enqueue
from app.notify.models import ChannelKind


def enqueue_delivery(
    session: Session, delivery_id: UUID, channel: ChannelKind, *, at: dt.datetime | None = None
) -> None:
    """Enqueue a try of a delivery in the queue of its channel, not before ``at``."""
    enqueue(session, "notify.deliver", at=at, queue_name=Queue(channel.value), delivery_id=str(delivery_id))
