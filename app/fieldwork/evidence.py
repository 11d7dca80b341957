"""Check the after-photos of a repair, store what was found, and take the verdict of a person.

A check never stops a crew: what is found is stored and shown at once, so that a bad picture can be taken again on the
spot, and where it failed a person of the unit has the last word.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.accounts.roles import Role
from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.fieldwork.errors import AlreadyDecided, NoSuchCheck, NotYourVerdict
from app.fieldwork.findings import Finding, FindingKind, Scene, has_failed, judge, miss
from app.fieldwork.models import EvidenceCheck, Verdict
from app.media.models import Photo
from app.media.queries import find_alike
from app.media.uploads import awaited_among
from app.workorders.models import EventKind, Evidence, TimelineEvent, WorkOrder

# Steps after which the work of a unit begins anew: a picture of before shows something else.
_BEGINNINGS = (EventKind.DISPATCHED, EventKind.SIGNED, EventKind.FIXED)
# Never the crew, whose evidence it is.
JUDGES = (Role.UNIT_MANAGER, Role.SUPERVISOR)


def check(
    session: Session,
    work_order: WorkOrder,
    event: TimelineEvent,
    photos: Sequence[Photo],
    *,
    unit: str,
    phone_at: dt.datetime | None,
    now: dt.datetime,
    city: City,
) -> EvidenceCheck:
    """Judge the after-photos that ``unit`` brought with ``event``, and store what was found.

    ``phone_at`` is when the step was taken on the phone, None where it is not known. It comes after the event is
    appended, and once for each.
    """
    ours = [photo.id for photo in photos]
    judged: list[tuple[Finding, ...]] = []
    if photos:
        scene, awaited = _scene(session, work_order, event, phone_at=phone_at, city=city), awaited_among(session, ours)
        judged = [
            miss(awaited[photo.id])
            if photo.id in awaited
            else judge(photo, scene, alike=_used_before(session, photo, ours))
            for photo in photos
        ]
    findings = [line for photo, found in zip(photos, judged, strict=True) for line in _write(photo.id, found)]
    checked = EvidenceCheck(
        work_order_id=work_order.id,
        event_id=event.id,
        unit=unit,
        findings=findings,
        failed=has_failed(judged),
        at=now,
    )
    session.add(checked)
    session.flush()
    return checked


def judge_late(session: Session, photo_id: UUID) -> EvidenceCheck | None:
    """Judge an after-photo that came after its step, or say why it did not; None where no check waits for it.

    The step is looked at as it was: its time, its place, and the other photos as they were judged. A verdict that a
    person gave meanwhile stays.
    """
    checked = _find_awaiting(session, photo_id)
    if checked is None:
        return None
    event = session.get_one(TimelineEvent, checked.event_id, options=[joinedload(TimelineEvent.payload)])
    photo = session.get_one(Photo, photo_id, populate_existing=True)
    state = awaited_among(session, [photo_id]).get(photo_id)
    if state is not None:
        found = miss(state)
    else:
        said = (event.payload.content if event.payload else {}).get("phone_at")
        phone_at = dt.datetime.fromisoformat(said) if said else None
        scene = _scene(session, checked.work_order, event, phone_at=phone_at, city=current_city(session))
        ours = [UUID(line["photo"]) for line in checked.findings]
        found = judge(photo, scene, alike=_used_before(session, photo, ours))
    _replace(checked, photo_id, found)
    session.flush()
    return checked


def _find_awaiting(session: Session, photo_id: UUID) -> EvidenceCheck | None:
    """Lock the check that knows of a photo no more than that it is not here."""
    statement = (
        select(EvidenceCheck)
        .join(Evidence, Evidence.event_id == EvidenceCheck.event_id)
        .where(Evidence.photo_id == photo_id)
        .options(joinedload(EvidenceCheck.work_order, innerjoin=True))
        .with_for_update(of=EvidenceCheck)
        .execution_options(populate_existing=True)
    )
    checked = session.scalars(statement).one_or_none()
    lines = [line for line in checked.findings if line["photo"] == str(photo_id)] if checked else []
    return checked if any(line["kind"] == FindingKind.ARRIVAL for line in lines) else None


def _replace(checked: EvidenceCheck, photo_id: UUID, found: Sequence[Finding]) -> None:
    """Put the findings of a photo where those of before stood; a check with a verdict stays failed or not."""
    by_photo: dict[str, list[dict[str, Any]]] = {}
    for line in checked.findings:
        by_photo.setdefault(line["photo"], []).append(line)
    by_photo[str(photo_id)] = _write(photo_id, found)
    checked.findings = [line for lines in by_photo.values() for line in lines]
    if checked.verdict is None:
        checked.failed = has_failed([[_read(line) for line in lines] for lines in by_photo.values()])


def _write(photo_id: UUID, found: Sequence[Finding]) -> list[dict[str, Any]]:
    return [{"photo": str(photo_id), **asdict(finding)} for finding in found]


def _read(line: dict[str, Any]) -> Finding:
    return Finding(FindingKind(line["kind"]), passed=line["passed"], detail=line["detail"], values=line["values"])


def _scene(
    session: Session, work_order: WorkOrder, event: TimelineEvent, *, phone_at: dt.datetime | None, city: City
) -> Scene:
    # A phone that was offline sends later; one whose clock is ahead cannot have taken the step after we heard of it.
    at = min(phone_at or event.at, event.at)
    return Scene(
        place=work_order.position,
        accuracy_m=work_order.accuracy_m,
        since=_since(session, work_order, event, at),
        at=at,
        timezone=city.timezone,
    )


def work_order_of(session: Session, check_id: UUID, *, by: Person) -> str:
    """Give the public id of the work order of a check. Raises NoSuchCheck outside the person's scope."""
    return _find_check(session, check_id, by=by).work_order.public_id


def decide(
    session: Session, check_id: UUID, *, verdict: Verdict, note: str, by: Person, now: dt.datetime
) -> EvidenceCheck:
    """Give the verdict on a failed check; the work order stays as it is. Gives the check with its work order.

    Raises NoSuchCheck outside the person's scope, NotYourVerdict for another role, AlreadyDecided where it has a
    verdict or passed.
    """
    checked = _find_check(session, check_id, by=by, lock=True)
    if by.role not in JUDGES:
        raise NotYourVerdict(who=JUDGES)
    if not checked.failed or checked.verdict is not None:
        raise AlreadyDecided(verdict=checked.verdict, checked_at=checked.checked_at)
    checked.verdict, checked.note = verdict, note or None
    checked.checked_at, checked.checked_by = now, by.id
    session.flush()
    return checked


def _find_check(session: Session, check_id: UUID, *, by: Person, lock: bool = False) -> EvidenceCheck:
    statement = (
        select(EvidenceCheck)
        .where(EvidenceCheck.id == check_id)
        .options(joinedload(EvidenceCheck.work_order, innerjoin=True))
    )
    if lock:
        statement = statement.with_for_update(of=EvidenceCheck).execution_options(populate_existing=True)
    checked = session.scalars(statement).one_or_none()
    if checked is not None:
        areas = (*checked.work_order.areas, current_city(session).code)
        if by.covers(units=[checked.unit], areas=areas):
            return checked
    raise NoSuchCheck


def _since(session: Session, work_order: WorkOrder, event: TimelineEvent, at: dt.datetime) -> dt.datetime:
    """Find when the work began: at the last step before this one that the phone can have known of.

    A crew that was offline may have signed on the phone as well; we heard of that after the photo was taken.
    """
    statement = select(func.max(TimelineEvent.at)).where(
        TimelineEvent.work_order_id == work_order.id,
        TimelineEvent.number < event.number,
        TimelineEvent.kind.in_(_BEGINNINGS),
        TimelineEvent.at <= at,
    )
    return session.scalar(statement) or work_order.opened_at


def _used_before(session: Session, photo: Photo, ours: Sequence[UUID]) -> Photo | None:
    return next(iter(find_alike(session, photo, limit=1, apart_from=ours)), None)
