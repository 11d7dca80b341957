"""HTTP of telling people: follow, confirm, end; and for staff who was told what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.accounts.groups import DESK, LEADING
from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.guard import current_person, public, staff_only
from app.api.pages import BY_TIME, read_cursor, time_page
from app.api.ratelimit import limited
from app.catalogue.city import current_city
from app.db import Reading, Session
from app.notify import deliveries, log, schemas, service
from app.notify.errors import CodeRefused, NoSuchLink
from app.notify.keys import Purpose, read_signed_id
from app.notify.service.following import follow_anything
from app.notify.texts import Text
from app.workorders.queries import find_work_order
from app.workorders.service import check_scope

blp = Blueprint("telling", __name__, url_prefix="/api/v1", description="Telling people: follow, confirm, end, the log")

ASKED = "A message goes to this address, unless it was confirmed before. Open the link in it, or enter its code."


@blp.post("/subscriptions")
@public
@limited
@blp.arguments(schemas.FollowIn)
@blp.response(202, schemas.FollowOut)
def follow(new: dict[str, Any]) -> dict[str, Any]:
    """Follow a work order, an area or an item

    Each step of a work order is told; of an area or an item comes a letter, daily or weekly. Nothing else is sent to an
    address before its owner has confirmed it.
    """
    with Session.begin() as session:
        follow_anything(session, **new, now=now())
    return {"next": ASKED}


@blp.post("/contacts/confirm")
@public
@limited
@blp.arguments(schemas.ConfirmIn)
@blp.response(204)
def confirm(said: dict[str, Any]) -> None:
    """Confirm an address: by the token of the link, or by the code that was sent there"""
    if said["token"]:
        confirm_link(said["token"])
        return
    channel, address = service.parse_contact(said["contact"], said["channel"])
    refusal = None
    with Session.begin() as session:
        try:
            service.confirm_by_code(session, channel, address, said["code"], now=now())
        except CodeRefused as wrong:
            refusal = wrong  # the guess is counted: this transaction commits
    if refusal is not None:
        raise refusal


def confirm_link(token: str) -> None:
    """Take a link's word. Raises NoSuchLink."""
    contact_id = read_signed_id(Purpose.CONFIRM, token)
    if contact_id is None:
        raise NoSuchLink
    with Session.begin() as session:
        service.confirm(session, contact_id, now=now())


@blp.post("/subscriptions/end/<token>")
@public
@limited
@blp.arguments(schemas.EndIn)
@blp.response(204)
def end(wanted: dict[str, Any], token: str) -> None:
    """End what a message's link is about, or all that goes to its address"""
    end_link(token, everything=wanted["everything"])


def end_link(token: str, *, everything: bool) -> None:
    """Take a link's word. Raises NoSuchLink."""
    subscription_id = read_signed_id(Purpose.END, token)
    if subscription_id is None:
        raise NoSuchLink
    with Session.begin() as session:
        service.end_subscription(session, subscription_id, everything=everything, now=now())


@blp.get("/work-orders/<public_id>/deliveries")
@staff_only(roles=LEADING)
@blp.response(200, schemas.WorkOrderDeliveriesOut)
def told(public_id: str) -> dict[str, Any]:
    """Say who was told what of a work order, when, and what became of it"""
    with Reading() as session:
        found = find_work_order(session, public_id)
        work_order = check_scope(found, by=current_person(), city=current_city(session))
        return {"deliveries": log.deliveries_of(session, work_order)}


@blp.get("/deliveries")
@staff_only(roles=LEADING)
@blp.arguments(schemas.StuckIn, location="query")
@blp.response(200, schemas.StuckOut)
def stuck(wanted: dict[str, Any]) -> dict[str, Any]:
    """List what did not reach anybody, oldest first"""
    after, limit = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"]
    with Reading() as session:
        scope = {"by": current_person(), "city": current_city(session)}
        found = log.list_stuck(session, wanted["state"], **scope, limit=limit + 1, after=after)
        answer = time_page("deliveries", found, limit, "created_at")
        return answer | {"deliveries": log.say_deliveries(session, answer["deliveries"])}


@blp.post("/deliveries/<uuid:delivery_id>/resend")
@staff_only(roles=DESK)
@blp.response(200, schemas.DeliveryOut)
def resend(delivery_id: UUID) -> dict[str, Any]:
    """Send it once more

    For what failed, was given up, or did not arrive. The receiver takes it for a new message.
    """
    with Session.begin() as session:
        log.find_delivery(session, delivery_id, by=current_person(), city=current_city(session))
        deliveries.send_once_more(session, delivery_id, now=now())
        found = log.find_delivery(session, delivery_id, by=current_person(), city=current_city(session))
        return log.say_deliveries(session, [found])[0]


@blp.get("/channels")
@staff_only(roles=LEADING)
@blp.response(200, schemas.ChannelsOut)
def channels() -> dict[str, Any]:
    """Say how each channel did in the last 24 hours, those with faults first"""
    with Reading() as session:
        return {"channels": log.channel_figures(session, now=now())}


@blp.get("/messages/preview")
@staff_only(roles=LEADING)
@blp.arguments(schemas.PreviewIn, location="query")
@blp.response(200, schemas.PreviewOut)
def preview(wanted: dict[str, Any]) -> Text:
    """Show the message of a step as a resident gets it, with made-up values"""
    with Reading() as session:
        return log.preview(**wanted, city=current_city(session), now=now())
