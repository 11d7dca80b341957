"""Split reports off that are about another problem (分案): they get a work order of their own, and are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.catalogue.service import get_item
from app.dispatch.resolve import find_asset
from app.fieldwork.errors import StaleVersion
from app.geo.service import locate
from app.notify import service as notify
from app.reports.errors import CannotSplit
from app.reports.models import How, Regrouping, RegroupingKind, Report, ReportLink
from app.reports.service.begin import begin, find_unit
from app.reports.service.merge import pair_anew
from app.reports.service.regroup import Before, move_reports
from app.workorders import service
from app.workorders.lifecycle import Action, Need, find_move
from app.workorders.models import WorkOrder
from app.workorders.states import EventKind


def split(
    session: Session,
    public_id: str,
    *,
    reports: Collection[str],
    note: str,
    by: Person,
    now: dt.datetime,
    item: str | None = None,
    matches: Callable[[str], bool] | None = None,
) -> tuple[WorkOrder, WorkOrder]:
    """Open a work order of their own for some reports, by their numbers, where the first of them was filed.

    Gives the one that they leave and the new one, which is dispatched as if it had been filed now: its clocks start
    with the split, those of the other one stand. ``item`` is what it is about where that is another one. A merge of
    the new one into the old one takes it back. Raises NoSuchWorkOrder, CannotSplit, UnknownItem, OutsideCity,
    StaleVersion, IllegalMove, NotYourMove, MissingNeeds.
    """
    city = current_city(session)
    source = service.lock_work_order(session, public_id, by=by, city=city)
    if matches is not None and not matches(source.version):
        raise StaleVersion
    move = find_move(source.state, Action.SPLIT, by.role, {Need.REASON} if note else set())
    chosen = _choose(session, source, reports)
    about = get_item(session, item) if item else source.item
    first = chosen[0]
    place = locate(session, first.position, first.accuracy_m, nearest_limit_m=city.nearest_street_limit_m)
    asset = find_asset(session, about, place, city=city)
    new = service.open_work_order(session, about, place, asset=asset, flags=[], now=now)
    before = Before.of(session, source, target=new)
    _move(session, chosen, source, new, now=now)
    kept = {"kind": RegroupingKind.SPLIT, "source_id": source.id, "target_id": new.id, "before": before.dump()}
    session.add(Regrouping(at=now, by=by.signature, **kept))
    said: dict[str, Any] = {"note": note, "reports": [str(report.id) for report in chosen]}
    resolution = find_unit(session, about, place, asset, city=city, now=now)
    told = {"from": source.public_id} | said
    begin(
        session,
        new,
        EventKind.SPLIT,
        told,
        place=place,
        resolution=resolution,
        city=city,
        by=by.signature,
        now=now,
    )
    content = {"into": new.public_id} | said
    service.take(session, source, move, by=by, city=city, now=now, content=content, public=False)
    pair_anew(session, source, new)
    return source, new


def _choose(session: Session, source: WorkOrder, numbers: Collection[str]) -> Sequence[Report]:
    """Give the named reports of a work order, the first filed first; at least one has to stay."""
    wanted = {number.strip().upper() for number in numbers}
    statement = (
        select(Report)
        .join(ReportLink, ReportLink.report_id == Report.id)
        .where(ReportLink.work_order_id == source.id, Report.number.in_(wanted))
        .order_by(Report.filed_at, Report.id)
    )
    chosen = session.scalars(statement).all()
    missing = sorted(wanted - {report.number for report in chosen})
    if missing:
        raise CannotSplit(f"No report of {source.public_id} has the number {', '.join(missing)}.")
    if len(chosen) == source.reports:
        raise CannotSplit("These are all of its reports. Leave one, or change what the work order is about.")
    return chosen


def _move(session: Session, chosen: Sequence[Report], source: WorkOrder, new: WorkOrder, *, now: dt.datetime) -> None:
    ids: list[UUID] = [report.id for report in chosen]
    move_reports(session, ids, source, new, how=How.SPLIT, now=now)
    notify.move_reporters(session, ids, to=new)
