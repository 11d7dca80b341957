"""Reads of telling people: what a message may say, and which deliveries lie still."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from app.catalogue.city import City, Language, current_city
from app.catalogue.models import Item
from app.geo.models import Area
from app.notify.keys import Purpose, code_for, current, signed_url, tracking_url
from app.notify.lanes import is_left
from app.notify.models import Attempt, Delivery, DeliveryKind, Subscription
from app.notify.texts import Facts, Letter, Matter, Question, language_of, name_of, place_of, said_in
from app.workorders.models import EventKind, TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.states import State

# Lines that concern the reporters whom they name, and nobody else.
OWN = (EventKind.RECEIVED, EventKind.JOINED, EventKind.MERGED, EventKind.SPLIT)
LINES_OF_A_LETTER = 20
# The key of ``Subscription.about`` under which a topic has what a reload of the city's lists made of it.
LISTS_CHANGED = "lists_changed"
# Where the promise of the work order still stands and runs: not while it is held, not once it is fixed.
_PROMISING = (State.DISPATCHED, State.DISPUTED, State.IN_PROGRESS)

Listed = TypeVar("Listed", Area, Item)


def read_matter(session: Session, delivery: Delivery) -> Matter:
    """Gather what a delivery may say, by its kind; its contact, subscription and event are loaded."""
    if delivery.kind is DeliveryKind.QUESTION:
        return _read_question(session, delivery)
    if delivery.subscription is None:
        raise RuntimeError("a step and a letter have a subscription")
    if delivery.event is not None:
        return read_facts(session, delivery.event, delivery.subscription)
    return read_letter(session, delivery, delivery.subscription)


def _read_question(session: Session, delivery: Delivery) -> Question:
    city, contact = current_city(session), delivery.contact
    language = language_of(contact.language, city.languages)
    return Question(
        language=language,
        city=city.name(Language(language)),
        code=code_for(contact.id, delivery.number or 0),
        link=signed_url(Purpose.CONFIRM, contact.id),
    )


def read_letter(session: Session, delivery: Delivery, subscription: Subscription) -> Letter:
    """Gather what happened about a topic between two moments; sensitive work orders are in no letter."""
    city = current_city(session)
    language = language_of(subscription.language, city.languages)
    since, until = delivery.since, delivery.until
    if since is None or until is None:
        raise RuntimeError("a letter tells of a time")
    changed = _lists_changed(subscription, since, until) or {}
    opened, opened_lines = _happened(session, subscription, WorkOrder.opened_at, since, until, language=language)
    fixed, fixed_lines = _happened(session, subscription, WorkOrder.fixed_at, since, until, language=language)
    return Letter(
        language=language,
        city=city.name(Language(language)),
        topic=_topic(session, subscription, city, language),
        since=since.astimezone(city.timezone),
        until=until.astimezone(city.timezone),
        opened=opened,
        fixed=fixed,
        opened_lines=opened_lines,
        fixed_lines=fixed_lines,
        dropped=name_of(changed, language),
        moved=bool(changed.get("moved")),
        link=f"{current().settings.public_url}/map{f'?item={subscription.item}' if subscription.item else ''}",
        end_url=signed_url(Purpose.END, subscription.id),
    )


def has_news(session: Session, subscription: Subscription, since: dt.datetime, until: dt.datetime) -> bool:
    """Tell whether anything happened about a topic between two moments, a change of the city's lists too."""
    if _lists_changed(subscription, since, until) is not None:
        return True
    found = (
        select(WorkOrder.id).where(*_of_topic(subscription), moment >= since, moment < until).limit(1)
        for moment in (WorkOrder.opened_at, WorkOrder.fixed_at)
    )
    return any(session.scalar(each) is not None for each in found)


def _lists_changed(subscription: Subscription, since: dt.datetime, until: dt.datetime) -> dict[str, Any] | None:
    """Give what a reload between two moments made of a topic: the names that it had, and whether it was moved."""
    news: dict[str, Any] | None = subscription.about.get(LISTS_CHANGED)
    return news if news and since <= dt.datetime.fromisoformat(news["at"]) < until else None


def _of_topic(subscription: Subscription) -> tuple[ColumnElement[bool], ...]:
    where = [~WorkOrder.sensitive, WorkOrder.state.not_in((State.MERGED, State.DECLINED))]
    if subscription.item:
        where.append(WorkOrder.item_code == subscription.item)
    if subscription.area:
        columns = (WorkOrder.district, WorkOrder.street, WorkOrder.community)
        where.append(or_(*(column == subscription.area for column in columns)))
    return tuple(where)


def _happened(
    session: Session, subscription: Subscription, moment: Any, since: dt.datetime, until: dt.datetime, *, language: str
) -> tuple[int, list[str]]:
    """Count what happened, and name the first of it by item and street."""
    where = (*_of_topic(subscription), moment >= since, moment < until)
    count = session.scalars(select(func.count()).select_from(WorkOrder).where(*where)).one()
    street = aliased(Area)
    named = (
        select(Item.name_zh, Item.name_en, street.name_zh.label("street_zh"), street.name_en.label("street_en"))
        .select_from(WorkOrder)
        .join(WorkOrder.item)
        .outerjoin(street, (street.code == WorkOrder.street) & street.until.is_(None))
        .where(*where)
        .order_by(moment, WorkOrder.id)
        .limit(LINES_OF_A_LETTER)
    )
    lines = []
    for row in session.execute(named):
        item = name_of({"name_zh": row.name_zh, "name_en": row.name_en}, language)
        place = name_of({"name_zh": row.street_zh, "name_en": row.street_en}, language)
        lines.append(("，" if language == "zh" else ", ").join(part for part in (item, place) if part))
    return count, lines


def _last_version(model: type[Listed], code: str) -> Select[Listed]:
    """Select the current row of a code, else the one that was dropped last."""
    return select(model).where(model.code == code).order_by(model.until.desc().nulls_first()).limit(1)


def _topic(session: Session, subscription: Subscription, city: City, language: str) -> str:
    """Name what is followed: an area, an item, or the item in the area."""
    names = []
    if subscription.area:
        area = session.scalars(_last_version(Area, subscription.area)).one_or_none()
        known = {"name_zh": area.name_zh, "name_en": area.name_en} if area else {}
        names.append(name_of(known, language) or city.name(Language(language)))
    if subscription.item:
        item = session.scalars(_last_version(Item, subscription.item)).one_or_none()
        names.append(name_of({"name_zh": item.name_zh, "name_en": item.name_en} if item else {}, language))
    return ("·" if language == "zh" else ", ").join(name for name in names if name)


def read_facts(session: Session, event: TimelineEvent, subscription: Subscription) -> Facts:
    """Gather what the message of an event to one subscriber may say.

    Number and place are those of the subscriber's own report, the unit is the one that history named last; taken on
    after all, a work order has none. The clock is the event's own word, else the work order's while it runs.
    """
    city = current_city(session)
    language = language_of(subscription.language, city.languages)
    work_order = session.get_one(WorkOrder, event.work_order_id, options=[joinedload(WorkOrder.item)])
    said = _content(session, TimelinePayload.event_id == event.id)
    own = subscription.about
    speaking = or_(TimelinePayload.content.has_key("unit"), TimelineEvent.kind == EventKind.RECONSIDERED)
    unit = said.get("unit") or _content(session, *_so_far(event), speaking).get("unit")
    declined = said.get("declined") or {}
    return Facts(
        kind=event.kind,
        language=language,
        city=city.name(Language(language)),
        number=own.get("number") or "",
        item=name_of({"name_zh": work_order.item.name_zh, "name_en": work_order.item.name_en}, language),
        place=place_of(own.get("place") or {}, language),
        unit=name_of(unit or {}, language),
        due=_due(said.get("due_at"), event, work_order, city),
        until=_local(said.get("until"), city),
        note=said.get("note") or "",
        reason=said_in(declined, "name", language),
        change=said_in(declined, "change", language),
        photos=bool(said.get("photos")),
        outcome=work_order.outcome,
        silent_days=_silent_days(work_order, city),
        link=_link(subscription, work_order),
        end_url=signed_url(Purpose.END, subscription.id),
        urgent=work_order.urgent_at is not None,
    )


def _link(subscription: Subscription, work_order: WorkOrder) -> str:
    """Give the page to follow it on: a reporter's own, or for a follower the public one."""
    if subscription.subscriber is not None:
        return tracking_url(subscription.subscriber)
    return f"{current().settings.public_url}/work-orders/{work_order.public_id}"


def _so_far(event: TimelineEvent) -> tuple[Any, ...]:
    return (
        TimelineEvent.work_order_id == event.work_order_id,
        TimelineEvent.number <= event.number,
        TimelineEvent.public,
    )


def _content(session: Session, *criteria: Any) -> dict[str, Any]:
    """Give the payload of the last line that meets the criteria; an erased or missing one is empty."""
    last = (
        select(TimelinePayload.content)
        .join(TimelineEvent, TimelineEvent.id == TimelinePayload.event_id)
        .where(*criteria)
        .order_by(TimelineEvent.number.desc())
        .limit(1)
    )
    return session.scalars(last).one_or_none() or {}


def _due(said: str | None, event: TimelineEvent, work_order: WorkOrder, city: City) -> dt.datetime | None:
    """Give by when it is to be fixed; a time that had passed already is named by the line that says so alone."""
    promised = work_order.due_at if work_order.state in _PROMISING else None
    due = dt.datetime.fromisoformat(said) if said else promised
    if due is None or (due <= event.at and event.kind is not EventKind.OVERDUE):
        return None
    return due.astimezone(city.timezone)


def _local(said: str | None, city: City) -> dt.datetime | None:
    return dt.datetime.fromisoformat(said).astimezone(city.timezone) if said else None


def _silent_days(work_order: WorkOrder, city: City) -> int | None:
    """Give after how many days silence closes it; nothing where a person looks at the repair first."""
    waits = work_order.state is State.FIXED and work_order.close_at is None
    return None if waits else city.limits.silent_days_to_close


def overdue_deliveries(session: Session, *, before: dt.datetime, limit: int) -> list[Delivery]:
    """Lock deliveries that were left and due before a moment, oldest first; others' locks are skipped."""
    statement = (
        select(Delivery)
        .where(is_left(Delivery, "notify.deliver"), Delivery.next_at < before)
        .order_by(Delivery.next_at)
        .limit(limit)
        .options(joinedload(Delivery.contact))
        .with_for_update(of=Delivery, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def attempts_of(session: Session, delivery_id: UUID) -> list[Attempt]:
    """Give the tries of a delivery in their order."""
    return list(session.scalars(select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number)))
