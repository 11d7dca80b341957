"""Verbs of webhooks: who has one, its secrets, its health, replay. ``webhook_calls`` sends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload
from uuid_utils.compat import uuid7

from app.accounts.queries import areas_around
from app.accounts.roles import Role, TokenKind
from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.jobs import enqueue
from app.notify.errors import NoSuchWebhook, NotForWebhooks, TooManyWebhooks, UnusableWebhook
from app.notify.keys import current, seal, unseal
from app.notify.models import DeliveryState
from app.notify.outbound import NotAllowed
from app.notify.senders import way_out
from app.notify.signing import new_secret
from app.notify.webhook_models import Webhook, WebhookDelivery

MOST_OF_ONE = 20
BOTH_SECRETS_FOR = dt.timedelta(days=1)
REPLAYED_AT_ONCE = 5000
_ENDED = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.GIVEN_UP)


def create_webhook(
    session: Session,
    *,
    url: str,
    label: str,
    kinds: Sequence[str],
    areas: Sequence[str],
    items: Sequence[str],
    by: Person,
    now: dt.datetime,
) -> tuple[Webhook, str]:
    """Let a system hear of public steps; give it with its secret, which is shown this once.

    Raises NotForWebhooks, UnusableWebhook for an address that requests may not go to, TooManyWebhooks.
    """
    _require_keeper(by)
    try:
        way_out(current().settings).check(url)
    except NotAllowed as fault:
        raise UnusableWebhook(str(fault)) from None
    owned = session.scalar(select(func.count()).select_from(Webhook).where(Webhook.created_by == by.id)) or 0
    if owned >= MOST_OF_ONE:
        raise TooManyWebhooks(MOST_OF_ONE)
    secret = new_secret()
    webhook = Webhook(
        id=uuid7(),
        url=url,
        label=label,
        kinds=list(kinds),
        areas=list(areas),
        items=list(items),
        secret=seal(secret),
        created_by=by.id,
        created_at=now,
    )
    session.add(webhook)
    session.flush()
    return webhook, secret


def list_webhooks(session: Session, *, by: Person) -> list[Webhook]:
    """List the webhooks of one's own; an administrator and an auditor see those of all accounts in their scope."""
    _require_keeper(by)
    city = current_city(session)
    found = session.scalars(select(Webhook).options(joinedload(Webhook.creator)).order_by(Webhook.id))
    return [webhook for webhook in found if _may_see(session, webhook, by=by, city=city)]


def find_webhook(session: Session, webhook_id: UUID, *, by: Person, change: bool = False) -> Webhook:
    """Find a webhook that one may see, and lock it for a ``change``. Raises NotForWebhooks, NoSuchWebhook."""
    _require_keeper(by)
    statement = select(Webhook).where(Webhook.id == webhook_id).options(joinedload(Webhook.creator))
    if change:
        statement = statement.with_for_update(of=Webhook).execution_options(populate_existing=True)
    webhook = session.scalars(statement).one_or_none()
    if webhook is None or not _may_see(session, webhook, by=by, city=current_city(session)):
        raise NoSuchWebhook
    return webhook


def rotate_secret(session: Session, webhook_id: UUID, *, by: Person, now: dt.datetime) -> tuple[Webhook, str]:
    """Draw another secret; for a day each request carries a signature by the old one too."""
    webhook = find_webhook(session, webhook_id, by=by, change=True)
    secret = new_secret()
    webhook.old_secret, webhook.old_until = webhook.secret, now + BOTH_SECRETS_FOR
    webhook.secret = seal(secret)
    session.flush()
    return webhook, secret


def secrets_of(webhook: Webhook, *, now: dt.datetime) -> list[str]:
    """Give the secrets that sign now, the newest first."""
    sealed = [webhook.secret]
    if webhook.old_secret and webhook.old_until and now < webhook.old_until:
        sealed.append(webhook.old_secret)
    return [unseal(each) for each in sealed]


def switch_webhook(session: Session, webhook_id: UUID, *, disabled: bool, by: Person, now: dt.datetime) -> Webhook:
    """Disable a webhook, or enable it: then it starts with a clean record."""
    webhook = find_webhook(session, webhook_id, by=by, change=True)
    if disabled:
        disable(webhook, "disabled by hand", now=now)
    else:
        webhook.disabled_at, webhook.disabled_because = None, ""
        webhook.failing_since, webhook.retry_at, webhook.failures = None, None, 0
    session.flush()
    return webhook


def disable(webhook: Webhook, reason: str, *, now: dt.datetime) -> None:
    """Disable a locked webhook; the first reason stands."""
    if webhook.disabled_at is None:
        webhook.disabled_at, webhook.disabled_because = now, reason


def delete_webhook(session: Session, webhook_id: UUID, *, by: Person) -> None:
    """Remove a webhook and the record of what was sent to it."""
    session.delete(find_webhook(session, webhook_id, by=by, change=True))
    session.flush()


def replay(
    session: Session,
    webhook_id: UUID,
    *,
    events: Sequence[UUID] = (),
    since: dt.datetime | None = None,
    by: Person,
    now: dt.datetime,
) -> int:
    """Send events again, those named or all since a moment, oldest first; give how many, 5,000 at most.

    They keep their ``webhook-id``: a receiver that had one can tell. What waits to be sent already is left alone.
    """
    webhook = find_webhook(session, webhook_id, by=by, change=True)
    chosen = select(WebhookDelivery.id).where(
        WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.state.in_(_ENDED)
    )
    if events:
        chosen = chosen.where(WebhookDelivery.event_id.in_(events))
    if since:
        chosen = chosen.where(WebhookDelivery.created_at >= since)
    chosen = chosen.order_by(WebhookDelivery.id).limit(REPLAYED_AT_ONCE).with_for_update()
    ids = session.scalars(chosen).all()
    again = {"state": DeliveryState.QUEUED, "tries": 0, "next_at": now, "sent_at": None}
    session.execute(update(WebhookDelivery).where(WebhookDelivery.id.in_(ids)).values(again))
    for delivery_id in ids:
        enqueue(session, "notify.call", delivery_id=str(delivery_id))
    return len(ids)


def _require_keeper(by: Person) -> None:
    if by.role not in (Role.ADMIN, Role.AUDITOR) and by.token_kind is not TokenKind.MACHINE:
        raise NotForWebhooks


def _may_see(session: Session, webhook: Webhook, *, by: Person, city: City) -> bool:
    if webhook.created_by == by.id:
        return True
    unit, area = webhook.creator.unit, webhook.creator.area
    if by.role not in (Role.ADMIN, Role.AUDITOR) or unit is None or area is None:
        return False
    return by.covers(units=[unit], areas=areas_around(session, area, city=city))
