"""The queues that messages wait in: each channel has its own, so that a server that is silent delays no other.

Each delivery that is queued has one job. A second one would try it in the middle of its pause, and both would go on.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, exists, text
from sqlalchemy.orm import Session

from app.clock import MOST_OFF
from app.jobs import Queue, enqueue
from app.notify.models import ChannelKind, Delivery, DeliveryState
from app.notify.webhook_models import WebhookDelivery


def enqueue_delivery(
    session: Session, delivery_id: UUID, channel: ChannelKind, *, at: dt.datetime | None = None
) -> None:
    """Enqueue a try of a delivery in the queue of its channel, not before ``at``."""
    enqueue(session, "notify.deliver", at=at, queue_name=Queue(channel.value), delivery_id=str(delivery_id))


def is_due(next_at: dt.datetime | None, *, now: dt.datetime) -> bool:
    """Tell whether a delivery may be tried; the clock of who set ``next_at`` may be wrong by as much as ours."""
    return next_at is None or next_at <= now + 2 * MOST_OFF


_WAITING = text(
    "SELECT CAST(args->>'delivery_id' AS uuid) AS id FROM procrastinate_jobs "
    "WHERE task_name = :task AND status IN ('todo', 'doing')"
)


def is_left(delivery: type[Delivery | WebhookDelivery], task: str) -> ColumnElement[bool]:
    """Make the condition that nobody will try an overdue delivery: its worker had it in hand, or it has no job.

    One that is queued and has a job of the task waits for its turn.
    """
    waiting = _WAITING.bindparams(task=task).columns(id=Uuid).cte("waiting")
    has_no_job = ~exists().where(waiting.c.id == delivery.id)
    return (delivery.state == DeliveryState.SENDING) | ((delivery.state == DeliveryState.QUEUED) & has_no_job)
