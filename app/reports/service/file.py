"""File a report: one transaction from what a resident sent to a work order with a responsible unit and a clock."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.assets.service import NearAsset
from app.catalogue.city import Channel, City, current_city
from app.catalogue.models import Item, Joining
from app.catalogue.service import get_item
from app.crockford import random_name
from app.db import insert_named
from app.dispatch import service as dispatch
from app.dispatch.resolve import Resolution, find_asset
from app.dispatch.service.urgent import sounds_urgent, speed_up
from app.dispatch.service.waiting import PHOTO_FAR
from app.geo.datums import Datum, to_wgs84
from app.geo.service import Place, locate
from app.geo.types import Point
from app.media import service as media
from app.media.models import Photo
from app.media.queries import find_photos
from app.media.uploads import direct_among
from app.notify import service as notify
from app.notify.contacts import parse_contact
from app.notify.keys import contact_digest, tracking_hash, tracking_secret
from app.reports.errors import DatumMissing, KeyReused, NoPosition, NothingSaid
from app.reports.joining import find_same, lock_place, take_same, take_sure
from app.reports.models import How, PositionSource, Report, ReportLink, ReportPhoto
from app.reports.service.begin import begin, find_unit, say_urgent
from app.reports.suggesting import Candidate, Question, find_candidates, keep_answers, surest
from app.workorders import service as workorders
from app.workorders.models import WorkOrder
from app.workorders.states import OPEN, EventKind, State
from app.workorders.timeline import append, canonical

PHOTO_FAR_M = 200.0
# Somebody reports it although the unit says that it is fixed: the desk sees the flag.
REPORTED_AGAIN = "reported_after_fix"
NUMBER_LENGTH = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """What a resident sent. ``lon`` and ``lat`` in degrees of ``datum``, ``accuracy`` in metres.

    ``photos`` were accepted inline (already stored), ``photo_ids`` name photos that were uploaded before.
    ``none_of_them``: they were shown what is similar, and said that it is none of those.
    ``language`` is what the reporter is told in, ``language_sent`` the word for it that came with the content, if any.
    """

    lon: float | None = None
    lat: float | None = None
    accuracy: float = 0.0
    datum: Datum | None = None
    item: str | None = None
    description: str = ""
    contact: str | None = None
    language: str
    language_sent: str | None = None
    channel: str = Channel.WEB
    same_as: str | None = None
    idempotency_key: UUID | None = None
    photos: Sequence[media.Accepted] = ()
    photo_ids: Sequence[UUID] = ()
    filed_by: UUID | None = None
    none_of_them: bool = False

    def content_digest(self, session: Session) -> bytes:
        """Give the SHA-256 of everything that makes two requests the same: the fields and the photos' digests.

        A photo counts by its bytes: sent once more with the form it has another id. One that is uploaded directly
        counts by its id, which a phone keeps, and which is the same before its bytes arrive and after. The language
        counts as it was sent: a phone that sends a report again may have been set to another language meanwhile.
        """
        named = list(dict.fromkeys(self.photo_ids))
        uploaded = find_photos(session, named) if named else []
        direct = direct_among(session, named)
        fields = {
            "position": [self.lon, self.lat, self.accuracy, self.datum],
            "words": [self.item, self.description, self.contact, self.language_sent, self.channel, self.same_as],
            "photos": [
                *(str(photo.id) if photo.id in direct else photo.digest for photo in uploaded),
                *(photo.digest for photo in self.photos),
            ],
        }
        return hashlib.sha256(canonical(fields)).digest()


@dataclass(frozen=True, slots=True)
class Filed:
    """A report that is filed; ``replayed`` where the same request came again."""

    report: Report
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Situation:
    """What was found out about a report before anything is written."""

    city: City
    item: Item
    place: Place
    source: PositionSource
    asset: NearAsset | None
    resolution: Resolution | None
    urgent: bool
    photo_far_m: float | None = None

    @property
    def flags(self) -> list[str]:
        """Give what the desk should know of it."""
        return [PHOTO_FAR] if self.photo_far_m is not None else []


def file_report(session: Session, new: NewReport, *, now: dt.datetime) -> Filed:
    """File a report: locate it, join it or open a work order, dispatch that, tell the reporter.

    The same idempotency key with the same content gives the same report again. Raises KeyReused for other content,
    NoPosition, DatumMissing, NothingSaid, OutsideCity, UnknownItem, NotTheSame, SameAsClosed, UnusableContact or
    NoSuchPhoto; then nothing is kept.
    """
    if new.idempotency_key is not None:
        replayed = _replay(session, new)
        if replayed is not None:
            return replayed
    photos = _record_photos(session, new, now=now)
    situation = _find_out(session, new, photos, now=now)
    question = _question(new, situation, photos)
    shown = _shown(session, new, question, situation, now=now)
    work_order, how = _join_or_open(session, new, situation, question, now=now)
    report = _write_report(session, new, situation, now=now)
    chosen = work_order.id if how is How.SAME_AS else None
    keep_answers(session, report.id, question, shown, same_as=chosen, city=situation.city, now=now)
    session.add(ReportLink(report_id=report.id, work_order_id=work_order.id, how=how, linked_at=now))
    session.add_all(
        ReportPhoto(report_id=report.id, position=position, photo_id=photo.id) for position, photo in enumerate(photos)
    )
    if new.contact:
        notify.subscribe(
            session,
            work_order,
            subscriber=report.id,
            about={"number": report.number, "place": report.place},
            contact=new.contact,
            language=new.language,
            now=now,
        )
    _tell(session, report, work_order, how, situation, now=now)
    session.flush()
    return Filed(report)


def _replay(session: Session, new: NewReport) -> Filed | None:
    """Find the report of this key; two requests with one key wait for each other here."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"report:{new.idempotency_key}"}
    )
    report = session.scalars(select(Report).where(Report.idempotency_key == new.idempotency_key)).one_or_none()
    if report is None:
        return None
    if report.content_digest != new.content_digest(session):
        raise KeyReused
    return Filed(report, replayed=True)


def _record_photos(session: Session, new: NewReport, *, now: dt.datetime) -> list[Photo]:
    if not (new.photos or new.photo_ids or new.item or new.description):
        raise NothingSaid
    claimed = media.claim(session, new.photo_ids, now=now) if new.photo_ids else []
    return [*claimed, *(media.record(session, photo, now=now, claimed=True) for photo in new.photos)]


def _find_out(session: Session, new: NewReport, photos: Sequence[Photo], *, now: dt.datetime) -> _Situation:
    city = current_city(session)
    point, source = _position(new, photos, city)
    place = locate(session, point, new.accuracy, nearest_limit_m=city.nearest_street_limit_m)
    item = get_item(session, new.item or city.fallback_item)
    asset = find_asset(session, item, place, city=city)
    resolution = find_unit(session, item, place, asset, city=city, now=now)
    urgent = sounds_urgent(new.description, city)
    far = _photo_far(photos, point) if source is PositionSource.SENT else None
    return _Situation(city, item, place, source, asset, resolution, urgent, far)


def _photo_far(photos: Sequence[Photo], point: Point) -> float | None:
    """Give how far from a point the farthest photo was taken, in metres; None where that is near enough."""
    taken = [photo.position.distance_m(point) for photo in photos if photo.position is not None]
    farthest = max(taken, default=0.0)
    return farthest if farthest > PHOTO_FAR_M else None


def _position(new: NewReport, photos: Sequence[Photo], city: City) -> tuple[Point, PositionSource]:
    if new.lon is not None and new.lat is not None:
        if new.datum is None and city.datum_required:
            raise DatumMissing
        return to_wgs84(new.lon, new.lat, new.datum or Datum.WGS84), PositionSource.SENT
    for photo in photos:
        if photo.position is not None:
            return photo.position, PositionSource.PHOTO
    raise NoPosition


def _question(new: NewReport, situation: _Situation, photos: Sequence[Photo]) -> Question:
    return Question(
        point=situation.place.point,
        item=situation.item,
        accuracy_m=new.accuracy,
        asset=situation.asset.asset.id if situation.asset else None,
        channel=new.channel,
        description=new.description,
        hashes=[photo.dhash for photo in photos if photo.dhash is not None],
    )


def _shown(
    session: Session, new: NewReport, question: Question, situation: _Situation, *, now: dt.datetime
) -> Sequence[Candidate]:
    """Find what a resident was asked about and answered; of a desk, or of an item that is not asked about, nothing."""
    answered = new.filed_by is None and (new.same_as is not None or new.none_of_them)
    if not answered or situation.item.joining is not Joining.SUGGEST:
        return []
    return find_candidates(session, question, city=situation.city, now=now)


def _join_or_open(
    session: Session, new: NewReport, situation: _Situation, question: Question, *, now: dt.datetime
) -> tuple[WorkOrder, How]:
    city, item, place, asset = situation.city, situation.item, situation.place, situation.asset
    if new.same_as:
        return take_same(session, new.same_as, item, place, now=now), How.SAME_AS
    same = find_same(session, item, place, asset, city=city, now=now)
    if same is None and not new.none_of_them:
        same = _sure(session, new, question, situation, now=now)
    if same is not None:
        return same, How.AUTO
    opened = workorders.open_work_order(
        session, item, place, asset=asset, flags=situation.flags, now=now, urgent=situation.urgent
    )
    return opened, How.OPENED


def _sure(
    session: Session, new: NewReport, question: Question, situation: _Situation, *, now: dt.datetime
) -> WorkOrder | None:
    """Find and lock the work order that the model is sure of, where it may join by itself at all."""
    if situation.city.duplicates.join_at is None:
        return None
    lock_place(session, situation.item, situation.place, situation.asset, city=situation.city)
    known = replace(question, contact=contact_digest(*parse_contact(new.contact)) if new.contact else None)
    found = surest(session, known, city=situation.city, now=now)
    return take_sure(session, found) if found else None


def _write_report(session: Session, new: NewReport, situation: _Situation, *, now: dt.datetime) -> Report:
    day = now.astimezone(situation.city.timezone).strftime("%Y%m%d")
    report_id = uuid7()
    return insert_named(
        session,
        Report,
        "number",
        lambda: f"{situation.city.report_prefix}-{day}-{random_name(NUMBER_LENGTH)}",
        id=report_id,
        idempotency_key=new.idempotency_key,
        content_digest=new.content_digest(session),
        tracking_digest=tracking_hash(tracking_secret(report_id)),
        description=new.description,
        language=new.language,
        channel=new.channel,
        item_code=new.item,
        position=situation.place.point,
        position_source=situation.source,
        accuracy_m=new.accuracy,
        sent={"lon": new.lon, "lat": new.lat, "datum": new.datum.value if new.datum else None},
        place=say_place(situation.place),
        filed_at=now,
        filed_by=new.filed_by,
    )


def say_place(place: Place) -> dict[str, Any]:
    """Name a place in the form that history and answers carry."""

    def name(area: Any) -> dict[str, str] | None:
        return {"code": area.code, "name_zh": area.name_zh, "name_en": area.name_en} if area else None

    return {
        "street": name(place.street),
        "district": name(place.district),
        "match": place.match.value,
        "distance_m": round(place.distance_m, 1),
        "approximate": place.approximate,
        "candidates": [{"area": name(each.area), "share": round(each.share, 3)} for each in place.candidates],
    }


def _tell(
    session: Session, report: Report, work_order: WorkOrder, how: How, situation: _Situation, *, now: dt.datetime
) -> None:
    """Append the history of the filing; a new work order is dispatched here, or left to a dispatcher."""
    item, by = situation.item, f"staff:{report.filed_by}" if report.filed_by else "reporter"
    content: dict[str, Any] = {
        "report": str(report.id),
        "number": report.number,
        "item": {"code": item.code, "name_zh": item.name_zh, "name_en": item.name_en},
        "place": report.place,
    }
    work_order.reports += 1
    if how is How.OPENED:
        begin(
            session,
            work_order,
            EventKind.RECEIVED,
            content,
            place=situation.place,
            resolution=situation.resolution,
            city=situation.city,
            by=by,
            now=now,
            urgent=situation.urgent,
            photo_far_m=situation.photo_far_m,
        )
        return
    hastens = situation.urgent and work_order.urgent_at is None and work_order.state in OPEN
    if hastens:
        speed_up(session, work_order, city=situation.city, now=now)
    lead = dispatch.lead_assignment(session, work_order)
    if lead is not None:
        content["unit"] = dispatch.say_unit(lead.unit)
    if work_order.promised is not None:
        content["due_at"] = work_order.promised
    again = [REPORTED_AGAIN] if work_order.state is State.FIXED else []
    work_order.flags = sorted({*work_order.flags, *situation.flags, *again})
    append(session, work_order, EventKind.JOINED, at=now, by=by, content=content)
    if hastens:
        say_urgent(session, work_order, now=now)
