"""Merge a work order into another one that is about the same problem (并案), and undo that: everybody is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select
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
from app.reports.errors import CannotMerge, CannotUndo, TooFarToMerge
from app.reports.models import How, Regrouping, RegroupingKind
from app.reports.service.regroup import Before, give_back, move_reports, state_before
from app.workorders import clocks, service
from app.workorders.lifecycle import Action, Need, When, find_move
from app.workorders.models import WorkOrder
from app.workorders.states import OPEN, EventKind, State
from app.workorders.timeline import append

WAS = {
    State.AWAITING_DISPATCH: When.WAITED,
    State.DISPATCHED: When.SENT,
    State.IN_PROGRESS: When.WORKED,
    State.ON_HOLD: When.HELD,
}


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
    before = Before.of(session, gone, target=survivor)
    kept = {"kind": RegroupingKind.MERGE, "source_id": gone.id, "target_id": survivor.id, "before": before.dump()}
    session.add(Regrouping(at=now, by=by.signature, **kept))
    moved = [UUID(each) for each in before.links]
    move_reports(session, moved, gone, survivor, how=How.MERGED, now=now)
    followers = notify.move_subscriptions(session, from_work_order_id=gone.id, to=survivor)
    survivor.sensitive = survivor.sensitive or gone.sensitive
    clocks.stop(session, gone, now=now)
    drop_supervision(session, gone, by=by.signature, now=now)
    for part in open_parts(session, gone.id):
        part.ended_at = now
    gone.merged_into = survivor.id
    said = _say(session, survivor, moved, note) | {"distance_m": round(distance)}
    # The reporters have moved to the survivor: its line is the one that tells them.
    content = {"into": survivor.public_id} | said
    service.take(session, gone, move, by=by, city=city, now=now, content=content, public=False)
    told = {"from": gone.public_id, "due_at": survivor.promised, "followers": [str(each) for each in followers]} | said
    append(session, survivor, EventKind.MERGED, at=now, by=by.signature, content=told)
    pair_anew(session, gone, survivor)
    return gone, survivor


def unmerge(
    session: Session,
    public_id: str,
    *,
    note: str,
    by: Person,
    now: dt.datetime,
    matches: Callable[[str], bool] | None = None,
) -> tuple[WorkOrder, WorkOrder]:
    """Undo the merge of a work order: it is what it was, and everybody who moves is told.

    Gives it and the one that it was merged into, which keeps what it did meanwhile. A clock that fell due meanwhile is
    acted on at the next minute. Raises NoSuchWorkOrder, CannotUndo where its survivor was merged on since or none of
    its reports is there any more, StaleVersion, IllegalMove, NotYourMove, MissingNeeds.
    """
    city = current_city(session)
    gone, survivor = _lock_merged(session, public_id, by=by, city=city)
    if matches is not None and not matches(gone.version):
        raise StaleVersion
    merged = _last_merge(session, gone)
    before = Before.load(merged.before)
    state, hold_until = state_before(before)
    move = find_move(gone.state, Action.UNMERGE, by.role, {Need.REASON} if note else set(), {WAS[state]})
    back = give_back(session, before, gone, survivor)
    if before.links and not back:
        raise CannotUndo("Its reports went on to other work orders since. Split or merge those where they are now.")
    merged.undone_at, merged.undone_by = now, by.signature
    gone.merged_into, gone.hold_until = None, hold_until
    survivor.sensitive = before.target_sensitive or _is_sensitive(session, survivor)
    said = _say(session, gone, back, note)
    told = {"from": survivor.public_id, "due_at": gone.promised, "followers": list(before.followers)} | said
    service.take(session, gone, move, by=by, city=city, now=now, content=told)
    content = {"into": gone.public_id} | said
    append(session, survivor, EventKind.SPLIT, at=now, by=by.signature, content=content, public=False)
    pair_anew(session, gone, survivor)
    return gone, survivor


def pair_anew(session: Session, *changed: WorkOrder) -> None:
    """Let the pictures of before and after be chosen again: other reports belong to these now."""
    for each in changed:
        enqueue(session, "reports.pair", work_order_id=str(each.id))


def _say(session: Session, there: WorkOrder, moved: list[UUID], note: str) -> dict[str, object]:
    lead = lead_assignment(session, there)
    return {"note": note, "unit": say_unit(lead.unit) if lead else None, "reports": [str(each) for each in moved]}


def _lock_both(session: Session, public_id: str, into: str, *, by: Person, city: City) -> tuple[WorkOrder, WorkOrder]:
    """Lock both rows in the order of their keys, so that two merges in opposite directions wait for each other."""
    names = [normalise(public_id), normalise(into)]
    locked = service.lock_all(session, select(WorkOrder).where(WorkOrder.public_id.in_(names)))
    found = {work_order.public_id: work_order for work_order in locked}
    gone, survivor = (service.check_scope(found.get(name), by=by, city=city) for name in names)
    if gone is survivor:
        raise CannotMerge("A work order cannot be merged into itself.")
    return gone, survivor


def _lock_merged(session: Session, public_id: str, *, by: Person, city: City) -> tuple[WorkOrder, WorkOrder]:
    """Lock a merged work order and its survivor, in the order of their keys."""
    name = normalise(public_id)
    into = session.scalar(select(WorkOrder.merged_into).where(WorkOrder.public_id == name))
    survivor = session.scalar(select(WorkOrder.public_id).where(WorkOrder.id == into)) if into else None
    if survivor is None:
        # Not merged: its state says so, and what can be done.
        found = service.lock_work_order(session, public_id, by=by, city=city)
        find_move(found.state, Action.UNMERGE, by.role)
        raise CannotUndo("It was undone just now. Read it again.")
    gone, there = _lock_both(session, name, survivor, by=by, city=city)
    if gone.merged_into != there.id:
        raise CannotUndo("It was undone just now. Read it again.")
    if there.state is State.MERGED:
        raise CannotUndo(f"{there.public_id}, which it was merged into, was merged on since. Undo that one first.")
    return gone, there


def _last_merge(session: Session, gone: WorkOrder) -> Regrouping:
    statement = (
        select(Regrouping)
        .where(Regrouping.source_id == gone.id, Regrouping.kind == RegroupingKind.MERGE, Regrouping.undone_at.is_(None))
        .order_by(Regrouping.at.desc(), Regrouping.id.desc())
        .limit(1)
    )
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise CannotUndo("It was merged before merges could be undone. Split its reports from the survivor instead.")
    return found


def _is_sensitive(session: Session, work_order: WorkOrder) -> bool:
    """Tell whether a work order is still sensitive: by its own item, or by what is merged into it."""
    others = select(WorkOrder.id).where(WorkOrder.merged_into == work_order.id, WorkOrder.sensitive)
    return work_order.item.sensitive or session.scalar(select(others.exists())) is True
