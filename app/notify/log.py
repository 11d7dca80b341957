"""What staff see of telling people: who was told what, what did not go, how channels do, what a message looks like."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from cryptography.fernet import InvalidToken
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, contains_eager

from app.accounts.service import Person
from app.catalogue.city import City, Language
from app.dispatch.lists import Place, in_area, in_scope, rows_after
from app.notify.errors import NoSuchDelivery
from app.notify.keys import current, unseal
from app.notify.models import WENT, Attempt, ChannelKind, Contact, Delivery, DeliveryState, Subscription
from app.notify.senders import senders
from app.notify.texts import Facts, Text, render
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.states import Outcome

A_DAY = dt.timedelta(days=1)
_OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING)


def deliveries_of(session: Session, work_order: WorkOrder) -> list[dict[str, Any]]:
    """Say who was told what of a work order, first made first, each with its tries."""
    found = session.scalars(
        _with_all().where(TimelineEvent.work_order_id == work_order.id).order_by(Delivery.created_at, Delivery.id)
    ).all()
    return _say(session, found)


def list_stuck(
    session: Session, states: Collection[DeliveryState], *, by: Person, city: City, limit: int, after: Place = None
) -> Sequence[Delivery]:
    """List the deliveries that did not go, in the scope of a person, oldest first.

    Letters and questions are about no work order: who acts for the whole city sees them.
    """
    mine = in_scope(by, city)
    if by.all_units and by.area == city.code:
        mine |= WorkOrder.id.is_(None)
    statement = _with_all().where(Delivery.state.in_(states), mine)
    return session.scalars(rows_after(statement, Delivery.created_at, Delivery.id, after).limit(limit)).all()


def say_deliveries(session: Session, found: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Say what became of deliveries that ``list_stuck`` gave."""
    return _say(session, found)


def find_delivery(session: Session, delivery_id: UUID, *, by: Person, city: City) -> Delivery:
    """Find a delivery of a work order in the scope of a person. Raises NoSuchDelivery."""
    statement = _with_all().where(Delivery.id == delivery_id, in_scope(by, city), in_area(by, city))
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NoSuchDelivery
    return found


def _with_all() -> Select[Delivery]:
    return (
        select(Delivery)
        .join(Delivery.contact)
        .outerjoin(Delivery.subscription)
        .outerjoin(Delivery.event)
        .outerjoin(WorkOrder, WorkOrder.id == TimelineEvent.work_order_id)
        .options(
            contains_eager(Delivery.contact), contains_eager(Delivery.subscription), contains_eager(Delivery.event)
        )
        .execution_options(populate_existing=True)
    )


def _say(session: Session, found: Sequence[Delivery]) -> list[dict[str, Any]]:
    attempts: dict[UUID, list[Attempt]] = {}
    tried = select(Attempt).where(Attempt.delivery_id.in_([each.id for each in found])).order_by(Attempt.number)
    for attempt in session.scalars(tried) if found else ():
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    ids = {each.event.work_order_id for each in found if each.event is not None}
    named = select(WorkOrder.id, WorkOrder.public_id).where(WorkOrder.id.in_(ids))
    names = {row.id: row.public_id for row in session.execute(named)} if ids else {}
    return [_say_one(each, names, attempts.get(each.id, [])) for each in found]


def _say_one(delivery: Delivery, names: dict[UUID, str], attempts: Sequence[Attempt]) -> dict[str, Any]:
    contact, subscription, event = delivery.contact, delivery.subscription, delivery.event
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "event": event.kind if event else None,
        "work_order": names.get(event.work_order_id) if event else None,
        "report": subscription.about.get("number") if subscription else None,
        "channel": contact.channel,
        "address": shown_address(contact),
        "confirmed": contact.confirmed_at is not None,
        "language": subscription.language if subscription else contact.language,
        "state": delivery.state,
        "created_at": delivery.created_at,
        "next_at": delivery.next_at,
        "sent_at": delivery.sent_at,
        "last_answer": delivery.last_answer,
        "copies": delivery.copies,
        "attempts": attempts,
    }


def shown_address(contact: Contact) -> str:
    """Give as much of an address as tells its owner that it is theirs, and nobody else whose it is."""
    if contact.erased_at is not None:
        return "(erased)"
    try:
        address = unseal(contact.address)
    except InvalidToken:
        return "(unreadable)"
    name, at, host = address.partition("@")
    if contact.channel is ChannelKind.EMAIL:
        return f"{name[:1]}***{at}{host}"
    if contact.channel is ChannelKind.SMS:
        return f"{address[:3]}***{address[-2:]}"
    return "***"


def channel_figures(session: Session, *, now: dt.datetime) -> list[dict[str, Any]]:
    """Say how each channel did in the last 24 hours, those with faults first."""
    recent, is_open = Delivery.created_at > now - A_DAY, Delivery.state.in_(_OPEN)
    counted = (
        select(
            Contact.channel,
            func.count().filter(Delivery.state.in_(WENT)).label("went"),
            func.count().filter(Delivery.state == DeliveryState.FAILED).label("failed"),
            func.count().filter(Delivery.state == DeliveryState.GIVEN_UP).label("given_up"),
            func.count().filter(is_open, Delivery.tries > 0).label("tried_again"),
            func.count().filter(is_open, Delivery.next_at <= now).label("waiting"),
            func.count().filter(is_open, Delivery.next_at.is_(None)).label("unconfirmed"),
            func.min(case((is_open & (Delivery.next_at <= now), Delivery.created_at))).label("oldest_at"),
        )
        .join(Delivery.contact)
        .where(recent | is_open)
        .group_by(Contact.channel)
    )
    figures = {row.channel: dict(row._mapping) for row in session.execute(counted)}  # noqa: SLF001  # how a row is a dict
    nothing = dict.fromkeys(("went", "failed", "given_up", "tried_again", "waiting", "unconfirmed"), 0)
    shown = [
        {"channel": channel, "oldest_at": None} | nothing | figures.get(channel, {}) | _last_fault(session, channel)
        for channel in ChannelKind
        if channel in figures or channel in senders()
    ]
    for each in shown:
        each["sends"] = each["channel"] in senders()
    return sorted(shown, key=lambda each: -(each["failed"] + each["given_up"] + each["tried_again"]))


def _last_fault(session: Session, channel: ChannelKind) -> dict[str, Any]:
    statement = (
        select(Attempt.answer, Attempt.at)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Delivery.contact)
        .where(Contact.channel == channel, Attempt.ok.is_(False))
        .order_by(Attempt.at.desc())
        .limit(1)
    )
    found = session.execute(statement).first()
    return {"last_fault": found.answer if found else "", "last_fault_at": found.at if found else None}


def preview(kind: EventKind, *, language: str, note: str, city: City, now: dt.datetime) -> Text:
    """Write the message of a step with made-up values, as it would reach a resident."""
    chinese = language == "zh"
    local = now.astimezone(city.timezone)
    return render(
        Facts(
            kind=kind,
            language=language,
            city=city.name(Language(language)),
            number=f"{city.report_prefix}-{local:%Y%m%d}-EXAMPLE",
            item="路灯不亮" if chinese else "Street lamp dark",
            place="示例街道" if chinese else "Example Street",
            unit="示例单位" if chinese else "Example Unit",
            due=local + A_DAY,
            until=local + A_DAY,
            note=note,
            reason="示例原因" if chinese else "An example of a reason",
            change="示例条件" if chinese else "An example of what would change it",
            photos=True,
            outcome=Outcome.FIXED,
            silent_days=city.limits.silent_days_to_close,
            link=f"{current().settings.public_url}/track/example",
            end_url=f"{current().settings.public_url}/end/example",
        )
    )


def contacts_of(session: Session, subscriber: UUID) -> list[dict[str, Any]]:
    """Say by which contacts a reporter hears, each shown in part."""
    statement = (
        select(Subscription)
        .join(Subscription.contact)
        .options(contains_eager(Subscription.contact))
        .where(Subscription.subscriber == subscriber, Subscription.ended_at.is_(None), Contact.erased_at.is_(None))
        .order_by(Subscription.created_at)
    )
    return [
        {
            "id": each.contact_id,
            "channel": each.contact.channel,
            "address": shown_address(each.contact),
            "confirmed": each.contact.confirmed_at is not None,
            "ended": each.contact.ended_at is not None,
        }
        for each in session.scalars(statement)
    ]
