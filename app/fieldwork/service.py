"""Verbs of the field and the desk: take a step with a work order, sign for several at once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import City, current_city
from app.dispatch.case import Asked, Case, study
from app.dispatch.queries import open_parts
from app.dispatch.service import VERBS, say_unit
from app.dispatch.service.again import begin_again, take_back
from app.errors import Problem
from app.fieldwork import evidence, replay
from app.fieldwork.errors import NotAStep, StaleVersion, StepKeyReused
from app.fieldwork.models import EvidenceCheck, Verdict
from app.fieldwork.queries import check_of
from app.jobs import enqueue
from app.media import service as media
from app.media.models import Photo
from app.workorders import service as workorders
from app.workorders.errors import MissingNeeds
from app.workorders.lifecycle import Action, Move, Need, find_move
from app.workorders.models import Evidence, TakenStep, TimelineEvent, WorkOrder
from app.workorders.states import OPEN, EventKind, State
from app.workorders.timeline import append, canonical

# The steps whose photos show the work itself, to everybody who reported it.
SHOWN = (Action.NOTE, Action.FIX, Action.SECURE)


@dataclass(frozen=True, slots=True)
class Brought:
    """The photos of a request: ``accepted`` came with it and are stored, ``ids`` were uploaded before."""

    accepted: Sequence[media.Accepted] = ()
    ids: Sequence[UUID] = ()

    def record(self, session: Session, *, now: dt.datetime) -> list[Photo]:
        """Claim and record them in this transaction. Raises NoSuchPhoto."""
        claimed = media.claim(session, self.ids, now=now) if self.ids else []
        return [*claimed, *(media.record(session, photo, now=now, claimed=True) for photo in self.accepted)]


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that ``by`` took; ``check`` is what was found about its evidence, ``replayed`` says that it came again."""

    work_order: WorkOrder
    by: Person
    check: EvidenceCheck | None = None
    replayed: bool = False


def take_step(
    session: Session,
    public_id: str,
    asked: Asked,
    *,
    brought: Brought,
    by: Person,
    now: dt.datetime,
    key: UUID | None = None,
    matches: Callable[[str], bool] | None = None,
) -> Taken:
    """Take a step: lock, check, change, append history and evidence, all or nothing.

    ``key`` makes a repeat by the same person harmless for ever, also after the work order left their scope; ``matches``
    tells whether a version is one that the client knows.
    Raises NoSuchWorkOrder outside the person's scope, StaleVersion, StepKeyReused, IllegalMove, NotYourMove,
    MissingNeeds, or what the verb refuses.
    """
    if asked.action not in VERBS:
        raise NotAStep(asked.action)
    city = current_city(session)
    found = workorders.lock_named(session, public_id)
    digest = _digest(public_id, asked, brought, by) if key else b""
    # The key comes before the scope: the step itself may have taken the work order out of it.
    before = session.get(TakenStep, key) if key else None
    if found is not None and before is not None and before.digest == digest:
        shown = replay.answer_again(before, found, by=by, city=city)
        return Taken(shown, by, check_of(session, before.event_id), replayed=True)
    work_order = workorders.check_scope(found, by=by, city=city)
    if before is not None:
        raise StepKeyReused
    if matches is not None and not matches(work_order.version):
        raise StaleVersion
    asked = replace(asked, photos=brought.record(session, now=now))
    case = study(session, work_order, asked, by=by, city=city, now=now)
    needs = _needs(work_order, asked)
    move = find_move(work_order.state, asked.action, by.role, needs, case.facts)
    event = _take(session, case, move)
    if key:
        _remember(session, key, event, digest, work_order, now=now)
    return Taken(work_order, by, _follow(session, case, event))


def _remember(
    session: Session, key: UUID, event: TimelineEvent, digest: bytes, work_order: WorkOrder, *, now: dt.datetime
) -> None:
    session.add(
        TakenStep(
            key=key,
            work_order_id=work_order.id,
            event_id=event.id,
            digest=digest,
            arrived_at=now,
            answer=replay.keep(work_order),
        )
    )


def _take(session: Session, case: Case, move: Move) -> TimelineEvent:
    asked, work_order = case.asked, case.work_order
    content = VERBS[asked.action](session, case)
    # What proves a refusal or a hold may be a paper of the office: it is for staff.
    shown = "photos" if asked.action in SHOWN else "own_photos"
    content |= {shown: [str(photo.id) for photo in asked.photos]} if asked.photos else {}
    content |= {"phone_at": asked.phone_at.isoformat()} if asked.phone_at else {}
    public = asked.public if move.tells is EventKind.NOTE else None
    event = workorders.take(
        session, work_order, move, by=case.by, city=case.city, now=case.now, content=content, public=public
    )
    if asked.action is Action.CLOSE and asked.outcome is not None:
        work_order.outcome = asked.outcome
    after = asked.action is Action.FIX
    for photo in asked.photos:
        session.add(Evidence(event_id=event.id, photo_id=photo.id, work_order_id=work_order.id, after=after))
    session.flush()
    return event


def _follow(session: Session, case: Case, event: TimelineEvent) -> EvidenceCheck | None:
    """Judge the evidence of a repair, and let what comes after the fix know."""
    work_order, asked = case.work_order, case.asked
    if work_order.state is State.FIXED and event.kind is EventKind.FIXED:
        enqueue(session, "reports.sample", work_order_id=str(work_order.id), round_number=work_order.rounds)
    if asked.action is Action.FIX:
        # Its photos may have been uploaded and masked before the step.
        enqueue(session, "reports.pair", work_order_id=str(work_order.id))
    if asked.action is not Action.FIX or case.mine is None:
        return None
    return evidence.check(
        session,
        work_order,
        event,
        asked.photos,
        unit=case.mine.unit_code,
        phone_at=asked.phone_at,
        now=case.now,
        city=case.city,
    )


def _needs(work_order: WorkOrder, asked: Asked) -> set[Need]:
    """Name the needs that a request meets."""
    photos = len(asked.photos)
    met = {
        Need.NOTE: bool(asked.note),
        Need.REASON: bool(asked.note),
        Need.REASON_CODE: bool(asked.reason),
        Need.PROOF: bool(photos or asked.reference),
        Need.UNIT: bool(asked.unit),
        Need.UNTIL: asked.until is not None,
        Need.CHANGE: bool(asked.item) or asked.lon is not None,
    }
    named = {need for need, is_met in met.items() if is_met}
    return named | workorders.evidence_need(work_order.item, note=asked.note, photos=photos)


def _digest(public_id: str, asked: Asked, brought: Brought, by: Person) -> bytes:
    """Give the SHA-256 of everything that makes two requests the same step."""
    said = {field.name: str(getattr(asked, field.name)) for field in fields(asked) if field.name != "photos"}
    photos = [*map(str, brought.ids), *(photo.digest for photo in brought.accepted)]
    return hashlib.sha256(canonical([str(by.id), public_id, said, photos])).digest()


def judge_evidence(
    session: Session, check_id: UUID, *, verdict: Verdict, note: str, by: Person, now: dt.datetime
) -> EvidenceCheck:
    """Give a person's verdict on a failed check; a rejected repair goes back to its crew, with the rework clock.

    A part that is rejected while others still work is open again. Where the work came back since, the verdict is about
    a repair that is over, and stands in the register alone. Raises NoSuchCheck, NotYourVerdict, AlreadyDecided, and
    MissingNeeds where a rejection gives no word why.
    """
    city = current_city(session)
    public_id = evidence.work_order_of(session, check_id, by=by)
    work_order = workorders.lock_work_order(session, public_id, by=by, city=city)
    decided = evidence.decide(session, check_id, verdict=verdict, note=note, by=by, now=now)
    if verdict is Verdict.REJECTED:
        if not note:
            raise MissingNeeds(action=Action.REJECT, missing=[Need.NOTE])
        _reject(session, work_order, decided, by=by, city=city, now=now)
    return decided


def _reject(
    session: Session, work_order: WorkOrder, check: EvidenceCheck, *, by: Person, city: City, now: dt.datetime
) -> None:
    """Take back the part that a check is about, unless it was taken back before."""
    parts = (part for part in open_parts(session, work_order.id) if part.unit_code == check.unit)
    part = next((part for part in parts if part.finished_at == check.at), None)
    if part is None:
        return
    content = {"unit": say_unit(part.unit), "reason": check.note}
    if work_order.state is State.FIXED:
        move = find_move(work_order.state, Action.REJECT, by.role, {Need.NOTE})
        content |= begin_again(session, work_order, city=city, now=now, unit=part.unit_code)
        workorders.take(session, work_order, move, by=by, city=city, now=now, content=content)
    elif work_order.state in OPEN:
        take_back(session, part, now=now)
        append(session, work_order, EventKind.CHECKED, at=now, by=by.signature, content=content, public=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """What became of one work order of a batch: it was signed for, or the refusal says why not."""

    public_id: str
    work_order: WorkOrder | None
    refusal: Problem | None = None


def sign_for_all(
    session: Session, public_ids: Sequence[str], *, by: Person, now: dt.datetime, phone_at: dt.datetime | None
) -> list[Signed]:
    """Sign for several work orders; what is refused of one does not touch the others. Signing twice is no refusal."""
    # In one order for everybody, so that two batches wait for each other instead of dying.
    found = {public_id: _sign_one(session, public_id, by, now, phone_at) for public_id in sorted(set(public_ids))}
    return [found[public_id] for public_id in dict.fromkeys(public_ids)]


def _sign_one(session: Session, public_id: str, by: Person, now: dt.datetime, phone_at: dt.datetime | None) -> Signed:
    asked = Asked(action=Action.SIGN, phone_at=phone_at)
    try:
        with session.begin_nested():
            work_order = workorders.lock_work_order(session, public_id, by=by, city=current_city(session))
            if not _is_signed(session, work_order, by):
                take_step(session, public_id, asked, brought=Brought(), by=by, now=now)
    except Problem as refusal:
        return Signed(public_id, None, refusal)
    return Signed(public_id, work_order)


def _is_signed(session: Session, work_order: WorkOrder, by: Person) -> bool:
    """Tell whether the person's unit signed before: a phone that heard no answer sends its batch again."""
    parts = [part for part in open_parts(session, work_order.id) if by.all_units or part.unit_code == by.unit]
    return bool(parts) and all(part.signed_at is not None for part in parts)
