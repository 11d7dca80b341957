"""Verbs of the field: take a step with a work order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.dispatch import service as dispatch
from app.dispatch.resolve import find_asset, resolve
from app.geo.service import locate
from app.media.models import Photo
from app.workorders import service as workorders
from app.workorders.lifecycle import Action, advance
from app.workorders.models import Evidence, WorkOrder

Part = Callable[[Session, WorkOrder], dict[str, Any]]


def move(
    session: Session,
    public_id: str,
    *,
    action: Action,
    note: str = "",
    public: bool = True,
    photos: Sequence[Photo] = (),
    by: Person,
    now: dt.datetime,
) -> WorkOrder:
    """Take a step: lock, check, change, append history and evidence. ``photos`` are recorded in this transaction.

    Raises NoSuchWorkOrder outside the person's scope, IllegalMove, NotYourMove or MissingNeeds; then nothing happened.
    """
    city = current_city(session)
    work_order = workorders.lock_work_order(session, public_id, by=by, city=city)
    brought = workorders.brought_needs(work_order.item, note=note, photos=len(photos))
    # Before the parts are touched: a refused step must not have signed or finished anything.
    advance(work_order.state, action, by.role, brought)
    if action is Action.DISPATCH:
        _dispatch(session, work_order, city=city, by=by, now=now)
        return work_order
    content = _content_of(session, work_order, action, by=by, now=now)
    content |= {"note": note} if note else {}
    content |= {"photos": [str(photo.id) for photo in photos]} if photos else {}
    event = workorders.advance(
        session,
        work_order,
        action,
        by=by,
        now=now,
        brought=brought,
        content=content,
        public=public or action is not Action.NOTE,
    )
    for photo in photos:
        after = action is Action.FIX
        session.add(Evidence(event_id=event.id, photo_id=photo.id, work_order_id=work_order.id, after=after))
    session.flush()
    return work_order


def _content_of(
    session: Session, work_order: WorkOrder, action: Action, *, by: Person, now: dt.datetime
) -> dict[str, Any]:
    if action is Action.SIGN:
        return dispatch.sign_for(session, work_order, by=by, now=now)
    if action is Action.FIX:
        return dispatch.finish(session, work_order, now=now)
    lead = dispatch.lead_assignment(session, work_order)
    return {"unit": dispatch.say_unit(lead.unit)} if lead else {}


def _dispatch(session: Session, work_order: WorkOrder, *, city: City, by: Person, now: dt.datetime) -> None:
    """Send a waiting work order to the unit that is responsible now."""
    limit = city.nearest_street_limit_m
    place = locate(session, work_order.position, work_order.accuracy_m, nearest_limit_m=limit)
    asset = find_asset(session, work_order.item, place, city=city)
    on = now.astimezone(city.timezone).date()
    resolution = resolve(session, work_order.item, place, asset, city=city, on=on)
    dispatch.assign(session, work_order, resolution, by=by, city=city, now=now)
