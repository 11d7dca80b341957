"""Pages of telling people: yes, this address is mine; no more of this; follow what is public; how I hear of a report.

A link in a message only opens a page with a button: what scans mail opens links, and must neither confirm nor end.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from app.api.clock import now
from app.api.guard import public
from app.api.ratelimit import count_request
from app.crockford import normalise
from app.db import Reading, Session
from app.dispatch.service import lead_assignment
from app.notify.errors import NoSuchLink
from app.notify.keys import Purpose, read_signed_id
from app.notify.log import shown_address
from app.notify.models import Contact, Pace, Subscription
from app.notify.routes import confirm_link, end_link
from app.notify.schemas import ContactIn
from app.notify.service.following import follow_anything
from app.reports import service
from app.reports.steps import public_steps
from app.web.draft import load
from app.workorders.models import WorkOrder
from app.workorders.queries import history
from app.workorders.states import ENDED, State

blp = Blueprint("telling", __name__)


@blp.get("/confirm/<token>")
@public
def ask(token: str) -> str:
    """Ask whose address it is."""
    contact = _contact(token)
    return render_template("confirm.html", address=shown_address(contact), done=contact.confirmed_at is not None)


@blp.post("/confirm/<token>")
@public
def confirm(token: str) -> str:
    """Take the word that it is theirs."""
    confirm_link(token)
    return render_template("confirm.html", address=shown_address(_contact(token)), done=True)


@blp.get("/end/<token>")
@public
def ask_end(token: str) -> str:
    """Ask whether it is to end."""
    subscription = _subscription(token)
    return render_template("end.html", done=subscription.ended_at is not None, token=token)


@blp.post("/end/<token>")
@public
def end(token: str) -> str:
    """End it: by the button, or by the one POST of a mail program (RFC 8058)."""
    everything = request.form.get("everything") == "1"
    end_link(token, everything=everything)
    return render_template("end.html", done=True, everything=everything, token=token)


@blp.get("/work-orders/<public_id>")
@public
def follow_page(public_id: str) -> str:
    """Show where a work order stands to anybody, and let them follow it."""
    return _show(public_id)


@blp.post("/work-orders/<public_id>")
@public
def follow(public_id: str) -> str:
    """Let anybody follow a work order."""
    count_request(current_app.config["REPORTS_PER_MINUTE"])
    wanted = load(ContactIn, {"contact": request.form.get("contact", ""), "language": g.language})
    with Session.begin() as session:
        follow_anything(session, work_order=public_id, area=None, item=None, pace=Pace.EACH, **wanted, now=now())
    return _show(public_id, asked=True)


@blp.post("/track/<secret>/contacts")
@public
def add_contact(secret: str) -> Response:
    """Let a reporter hear by another address."""
    count_request(current_app.config["REPORTS_PER_MINUTE"])
    wanted = load(ContactIn, {"contact": request.form.get("contact", ""), "language": g.language})
    with Session.begin() as session:
        service.add_contact(session, service.find_report(session, secret), **wanted, now=now())
    return _back(secret)


@blp.post("/track/<secret>/contacts/<uuid:contact_id>/<any(ask,drop):what>")
@public
def change_contact(secret: str, contact_id: UUID, what: str) -> Response:
    """Ask an address of a reporter once more, or tell nothing more by it."""
    count_request(current_app.config["REPORTS_PER_MINUTE"])
    change = service.ask_again if what == "ask" else service.drop_contact
    with Session.begin() as session:
        change(session, service.find_report(session, secret), contact_id, now=now())
    return _back(secret)


def _back(secret: str) -> Response:
    return redirect(url_for("web.track", secret=secret, lang=g.language, _anchor="contacts"), code=303)


def _contact(token: str) -> Contact:
    contact_id = read_signed_id(Purpose.CONFIRM, token)
    with Reading() as session:
        contact = session.get(Contact, contact_id) if contact_id else None
    if contact is None or contact.erased_at is not None or contact.ended_at is not None:
        raise NoSuchLink
    return contact


def _subscription(token: str) -> Subscription:
    subscription_id = read_signed_id(Purpose.END, token)
    with Reading() as session:
        subscription = session.get(Subscription, subscription_id) if subscription_id else None
    if subscription is None:
        raise NoSuchLink
    return subscription


def _show(public_id: str, *, asked: bool = False) -> str:
    """Show the public side of a work order: item, street, steps. No words, no photos, no exact place."""
    with Reading() as session:
        known = select(WorkOrder).where(WorkOrder.public_id == normalise(public_id)).options(joinedload(WorkOrder.item))
        work_order = session.scalars(known).one_or_none()
        if work_order is None or work_order.sensitive or work_order.state is State.MERGED:
            raise NoSuchLink
        events = history(session, work_order.id, public_only=True)
        lead = lead_assignment(session, work_order)
    return render_template(
        "follow.html",
        work_order=work_order,
        unit=lead.unit if lead else None,
        steps=public_steps(work_order.state, events),
        open=work_order.state not in ENDED,
        asked=asked,
    )
