"""HTTP of systems: what gateways report, and webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.guard import current_person, public, staff_only
from app.db import Reading, Session
from app.notify import receipts, webhook_calls, webhooks
from app.notify import system_schemas as schemas
from app.notify.deliveries import Result
from app.notify.keys import current
from app.notify.models import Delivery
from app.notify.webhook_models import Webhook

SECRETS = {"Cache-Control": "no-store"}

blp = Blueprint("systems", __name__, url_prefix="/api/v1", description="Gateways and webhooks")


@blp.post("/gateway/receipts")
@public
@blp.arguments(schemas.ReceiptIn)
@blp.response(200, schemas.ReceiptOut)
def take_receipt(new: dict[str, Any]) -> Delivery:
    """Report what became of a message

    For the city's gateway of SMS and WeChat messages. The request is signed with the secret that both share.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    receipts.check_signature(request.get_data(), headers, secret=current().settings.gateway_secret, now=now())
    with Session.begin() as session:
        return receipts.record_receipt(session, new["id"], new["state"], new["answer"], new["at"])


@blp.get("/webhooks")
@staff_only
@blp.response(200, schemas.WebhookOut(many=True))
def list_webhooks() -> list[Webhook]:
    """List webhooks and their health"""
    with Reading() as session:
        return webhooks.list_webhooks(session, by=current_person())


@blp.post("/webhooks")
@staff_only(scope="manage")
@blp.arguments(schemas.NewWebhookIn)
@blp.response(201, schemas.WebhookSecretOut)
def create_webhook(new: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    """Let a system hear of public steps; the secret is shown this once"""
    new["kinds"] = [kind.value for kind in new["kinds"]]
    with Session.begin() as session:
        webhook, secret = webhooks.create_webhook(session, **new, by=current_person(), now=now())
    return {"webhook": webhook, "secret": secret}, 201, SECRETS


@blp.get("/webhooks/<uuid:webhook_id>")
@staff_only
@blp.response(200, schemas.WebhookOut)
def webhook(webhook_id: UUID) -> Webhook:
    """Show a webhook and its health"""
    with Reading() as session:
        return webhooks.find_webhook(session, webhook_id, by=current_person())


@blp.patch("/webhooks/<uuid:webhook_id>")
@staff_only(scope="manage")
@blp.arguments(schemas.WebhookSwitchIn)
@blp.response(200, schemas.WebhookOut)
def switch_webhook(new: dict[str, bool], webhook_id: UUID) -> Webhook:
    """Disable a webhook, or enable it again"""
    with Session.begin() as session:
        return webhooks.switch_webhook(session, webhook_id, **new, by=current_person(), now=now())


@blp.delete("/webhooks/<uuid:webhook_id>")
@staff_only(scope="manage")
@blp.response(204)
def delete_webhook(webhook_id: UUID) -> None:
    """Remove a webhook"""
    with Session.begin() as session:
        webhooks.delete_webhook(session, webhook_id, by=current_person())


@blp.post("/webhooks/<uuid:webhook_id>/secret")
@staff_only(scope="manage")
@blp.response(200, schemas.WebhookSecretOut)
def rotate_secret(webhook_id: UUID) -> tuple[Any, int, dict[str, str]]:
    """Draw another secret; for a day both sign"""
    with Session.begin() as session:
        found, secret = webhooks.rotate_secret(session, webhook_id, by=current_person(), now=now())
    return {"webhook": found, "secret": secret}, 200, SECRETS


@blp.post("/webhooks/<uuid:webhook_id>/replay")
@staff_only(scope="manage")
@blp.arguments(schemas.WebhookReplayIn)
@blp.response(200, schemas.WebhookReplayOut)
def replay(which: dict[str, Any], webhook_id: UUID) -> dict[str, int]:
    """Send events of the last 30 days again, under the ids that they had

    Those that were sent, given up, or written down while the webhook was disabled.
    """
    with Session.begin() as session:
        return {"queued": webhooks.replay(session, webhook_id, **which, by=current_person(), now=now())}


@blp.post("/webhooks/<uuid:webhook_id>/ping")
@staff_only(scope="manage")
@blp.response(200, schemas.WebhookPingOut)
def ping(webhook_id: UUID) -> dict[str, Any]:
    """Send a test request and show the answer; it takes ten seconds at most"""
    with Reading() as session:
        found = webhooks.find_webhook(session, webhook_id, by=current_person())
    outcome = webhook_calls.ping(found, now=now())
    return {"taken": outcome.result is Result.SENT, "answer": outcome.answer}
