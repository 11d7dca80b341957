"""Merge a work order into another one that is about the same problem (并案): everybody moves along and is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.crockford import normalise
from app.dispatch.queries import open_parts
from app.dispatch.service import lead_assignment, say_unit
from app.dispatch.service.supervise import drop_supervision
from app.fieldwork.errors import StaleVersion
from app.jobs import enqueue
from app.notify import service as notify
from app.reports.errors import CannotMerge, TooFarToMerge
from app.reports.models import How, ReportLink
from app.workorders import clocks, service
from app.workorders.lifecycle import OPEN, Action, EventKind, Need, find_move
from app.workorders.models import WorkOrder
from app.workorders.timeline import append


def merge(
    session: Session,
    public_id: str,
    *,
    into: str,
    note: str,
    by: Person,
    now: dt.datetime,
    far: bool = False,
    matches: Callable[[str], bool] | None = None,
) -> tuple[WorkOrder, WorkOrder]:
    """Merge a work order into the open one that survives; its clocks stop, the survivor's stand as they are.

    Gives both. ``far`` says that they are one problem although they lie further apart than the pack expects. Raises
    NoSuchWorkOrder where one is outside the person's scope, CannotMerge for one that is not open or the same,
    TooFarToMerge, StaleVersion, IllegalMove, NotYourMove, MissingNeeds.
    """
    city = current_city(session)
    gone, survivor = _lock_both(session, public_id, into, by=by, city=city)
    if matches is not None and not matches(gone.version):
        raise StaleVersion
    move = find_move(gone.state, Action.MERGE, by.role, {Need.REASON} if note else set())
    if survivor.state not in OPEN:
        raise CannotMerge("The one that is to survive is not open. Choose an open one.")
    distance = gone.position.distance_m(survivor.position)
    if distance > city.limits.merge_within_m and not far:
        raise TooFarToMerge(distance, city.limits.merge_within_m)
    moved = _move_reports(session, gone, survivor, now=now)
    clocks.stop(session, gone, now=now)
    drop_supervision(session, gone, by=by.signature, now=now)
    for part in open_parts(session, gone.id):
        part.ended_at = now
    gone.merged_into = survivor.id
    lead = lead_assignment(session, survivor)
    unit = say_unit(lead.unit) if lead else None
    said = {"note": note, "unit": unit, "reports": [str(each) for each in moved], "distance_m": round(distance)}
    # The reporters have moved to the survivor: its line is the one that tells them.
    content = {"into": survivor.public_id} | said
    service.take(session, gone, move, by=by, city=city, now=now, content=content, public=False)
    told = {"from": gone.public_id, "due_at": survivor.promised} | said
    append(session, survivor, EventKind.MERGED, at=now, by=by.signature, content=told)
    for each in (gone, survivor):
        enqueue(session, "reports.pair", work_order_id=str(each.id))
    return gone, survivor


def _lock_both(session: Session, public_id: str, into: str, *, by: Person, city: City) -> tuple[WorkOrder, WorkOrder]:
    """Lock both rows in the order of their keys, so that two merges in opposite directions wait for each other."""
    names = [normalise(public_id), normalise(into)]
    locked = service.lock_all(session, select(WorkOrder).where(WorkOrder.public_id.in_(names)))
    found = {work_order.public_id: work_order for work_order in locked}
    gone, survivor = (service.check_scope(found.get(name), by=by, city=city) for name in names)
    if gone is survivor:
        raise CannotMerge("A work order cannot be merged into itself.")
    return gone, survivor


def _move_reports(session: Session, gone: WorkOrder, survivor: WorkOrder, *, now: dt.datetime) -> list[UUID]:
    statement = (
        update(ReportLink)
        .where(ReportLink.work_order_id == gone.id)
        .values(work_order_id=survivor.id, how=How.MERGED, linked_at=now)
        .returning(ReportLink.report_id)
    )
    moved = list(session.scalars(statement))
    notify.move_subscriptions(session, from_work_order_id=gone.id, to=survivor)
    survivor.reports += gone.reports
    gone.reports = 0
    survivor.sensitive = survivor.sensitive or gone.sensitive
    return moved
