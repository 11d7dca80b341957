"""What is shown of a report and of a work order: plain members for the wire shapes and the pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, joinedload

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.catalogue.models import Item
from app.dispatch.models import Part
from app.dispatch.queries import open_parts
from app.fieldwork.queries import checks_of
from app.geo.models import Area
from app.media import service as media
from app.media.links import Kind, Side
from app.media.models import UploadState
from app.media.pairs import pair_url
from app.media.queries import public_among
from app.media.uploads import unseen_among
from app.notify.keys import events_url
from app.reports.alt import Alt, Shows, alt_of, shown_by
from app.reports.models import Report
from app.reports.pair_models import EvidencePair
from app.reports.queries import Similar, photos_of_events, photos_of_reports, reports_of, street_of
from app.reports.service import Track
from app.reports.service.pair import public_pair
from app.workorders import queries
from app.workorders.lifecycle import legal
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.service import check_scope
from app.workorders.timeline import happened_at

View = dict[str, Any]
_FILED = (EventKind.RECEIVED, EventKind.JOINED)
Awaited = Mapping[UUID, UploadState]


@dataclass(frozen=True, slots=True)
class Subject:
    """What the pictures of a work order are about: its item, and the street as names in both languages.

    ``awaited`` are the photos whose picture is not here, with how far each is.
    """

    item: Item
    street: Mapping[str, Any] | Area | None
    awaited: Awaited = field(default_factory=dict)

    def alt(self, shows: Shows) -> Alt:
        """Give the alternative text of a picture."""
        return alt_of(self.item, self.street, shows)

    def show_awaited(self, photo_ids: Iterable[UUID | str]) -> list[View]:
        """Name those of the photos whose picture is not here: a link to it would be broken."""
        known = [UUID(str(photo_id)) for photo_id in photo_ids]
        return [{"id": photo_id, "state": self.awaited[photo_id]} for photo_id in known if photo_id in self.awaited]

    def show_here(self, photo_ids: Iterable[UUID | str], shows: Shows) -> list[View]:
        """Give the plain pictures of those of the photos that are here."""
        here = [photo_id for photo_id in photo_ids if UUID(str(photo_id)) not in self.awaited]
        return [show_picture(photo_id, self.alt(shows)) for photo_id in here]


def show_picture(photo_id: UUID | str, alt: Alt, kind: Kind = Kind.PLAIN) -> View:
    """Give the links of a photo's two renditions and its alternative text.

    Plain ones are for staff and the one who sent it, nobody else.
    """
    known, here = UUID(str(photo_id)), media.current()
    return {
        "large": media.rendition_url(here, known, 1600, kind=kind, absolute=True),
        "small": media.rendition_url(here, known, 320, kind=kind, absolute=True),
        "alt": alt,
    }


def show_masked(photo_id: UUID | str, alt: Alt) -> View:
    """Give the links of a photo's two masked renditions, which everybody may see once ``Photo.is_public``."""
    return show_picture(photo_id, alt, Kind.MASKED)


def show_thumbnail(found: Similar) -> View | None:
    """Give the picture of a work order that may be about the same problem; None where nobody may see one."""
    about = Subject(found.work_order.item, found.street)
    return show_masked(found.photo_id, about.alt(Shows.REPORTED)) if found.photo_id else None


def show_pair(pair: EvidencePair | None, about: Subject) -> View | None:
    """Show the pictures of before and after a repair in one frame; None where there are none to be seen."""
    if pair is None:
        return None
    sides = {Side.BEFORE: Shows.REPORTED, Side.AFTER: Shows.AFTER}
    shown = {side.value: _show_side(pair, side) | {"alt": about.alt(shows)} for side, shows in sides.items()}
    return {**shown, "aligned": pair.aligned, "width": pair.width, "height": pair.height}


def _show_side(pair: EvidencePair, side: Side) -> View:
    here = media.current()
    large, small = (pair_url(here, pair.before_id, pair.after_id, side, size) for size in media.SIZES)
    return {"large": large, "small": small}


def show_event(event: TimelineEvent, about: Subject, *, seen: Collection[UUID]) -> View:
    """Show a line of history to the public; where its payload was erased, only kind and time are left.

    Of its photos those of ``seen`` are shown, masked, and those that are awaited are named.
    """
    content = event.payload.content if event.payload else {}
    alt = about.alt(shown_by(event.kind))
    return {
        "kind": event.kind,
        "at": happened_at(event),
        "unit": content.get("unit"),
        "note": content.get("note"),
        "due_at": content.get("due_at"),
        "until": content.get("until"),
        "declined": content.get("declined"),
        "photos": [show_masked(photo_id, alt) for photo_id in content.get("photos", ()) if UUID(photo_id) in seen],
        "awaited": about.show_awaited(content.get("photos", ())),
    }


def subject_of(session: Session, event: TimelineEvent) -> tuple[Subject, frozenset[UUID]]:
    """Give what the pictures of one line are about, and those of them that everybody may see."""
    work_order = session.get_one(WorkOrder, event.work_order_id, options=[joinedload(WorkOrder.item)])
    brought = photos_of_events([event])
    if not brought:
        return Subject(work_order.item, None), frozenset()
    about = Subject(work_order.item, street_of(session, work_order.street), unseen_among(session, brought))
    return about, public_among(session, brought)


def show_to(report: Report | None, event: TimelineEvent, about: Subject, seen: Collection[UUID]) -> View:
    """Show a line to a reporter, with the words and photos that are their own; None is nobody in particular."""
    shown = show_event(event, about, seen=seen) | {"own_words": None}
    content = event.payload.content if event.payload else {}
    if report is not None and content.get("report") == str(report.id):
        said = content.get("reason") if event.kind is EventKind.OBJECTED else None
        shown["own_words"] = (report.description if event.kind in _FILED else said) or None
        own = content.get("own_photos", ())
        shown["photos"] += about.show_here(own, shown_by(event.kind))
        shown["awaited"] += about.show_awaited(own)
    return shown


def show_track(found: Track) -> View:
    """Show a report to the one who sent it."""
    report, work_order = found.report, found.work_order
    about = Subject(work_order.item, report.place["street"], found.awaited)
    photo_ids = [photo.id for photo in found.photos]
    return {
        "number": report.number,
        "tracking_url": found.tracking_url,
        "filed_at": report.filed_at,
        "description": report.description,
        "work_order": work_order.public_id,
        "joined": found.joined,
        "reports": work_order.reports,
        "state": work_order.state,
        "item": work_order.item,
        "place": report.place,
        "unit": found.unit,
        "due_at": work_order.promise,
        "hold_until": work_order.hold_until,
        "steps": found.steps,
        "events_url": events_url(report.id, f"{work_order.public_id}.{work_order.events}"),
        "events": [show_to(report, event, about, found.seen) for event in found.events],
        "photos": about.show_here(photo_ids, Shows.REPORTED),
        "awaited": about.show_awaited(photo_ids),
        "pair": show_pair(found.pair, about),
        "attribution": found.city.attribution,
        "contacts": found.contacts,
    }


def version_of(found: Track) -> str:
    """Give what changes whenever the view of a report does."""
    work_order = found.work_order
    seen = " ".join(sorted(map(str, found.seen)))
    photos = f"{seen} {_version_of(found.pair, found.awaited)}"
    told = [(each["id"].hex, each["confirmed"], each["ended"]) for each in found.contacts]
    steps = f"{work_order.id} {work_order.events} {work_order.reports}"
    return f"{found.report.id} {steps} {found.city.version} {photos} {told}"


def _version_of(pair: EvidencePair | None, awaited: Awaited) -> str:
    """Give what changes with the pictures alone."""
    made_at = pair.made_at.isoformat() if pair else ""
    return " ".join([made_at, *sorted(f"{photo_id}={state}" for photo_id, state in awaited.items())]).strip()


def show_work_order(session: Session, public_id: str, *, by: Person) -> View:
    """Show a work order to staff. Raises NoSuchWorkOrder outside their scope."""
    city = current_city(session)
    work_order = check_scope(queries.find_work_order(session, public_id), by=by, city=city)
    parts = open_parts(session, work_order.id)
    lead = next((part for part in parts if part.part is Part.LEAD), None)
    survivor = session.get(WorkOrder, work_order.merged_into) if work_order.merged_into else None
    photos = photos_of_reports(session, work_order.id)
    events = queries.history(session, work_order.id, public_only=False)
    reported = [photo_id for photo_ids in photos.values() for photo_id in photo_ids]
    awaited = unseen_among(session, [*reported, *photos_of_events(events)])
    about = Subject(work_order.item, street_of(session, work_order.street), awaited)
    pair = public_pair(session, work_order)
    return {
        "id": work_order.public_id,
        "state": work_order.state,
        "legal": legal(work_order.state, by.role),
        "outcome": work_order.outcome,
        "urgency": work_order.urgency.value,
        "sensitive": work_order.sensitive,
        "flags": work_order.flags,
        "item": work_order.item,
        "lon": work_order.position.lon,
        "lat": work_order.position.lat,
        "street": work_order.street,
        "district": work_order.district,
        "unit": lead.unit if lead else None,
        "explanation": lead.explanation if lead else None,
        "opened_at": work_order.opened_at,
        "due_at": work_order.promise,
        "fixed_at": work_order.fixed_at,
        "closed_at": work_order.closed_at,
        "hold_until": work_order.hold_until,
        "merged_into": survivor.public_id if survivor else None,
        "rounds": work_order.rounds,
        "parts": parts,
        "checks": checks_of(session, work_order.id),
        "deadlines": queries.deadlines(session, work_order.id),
        "events": [show_line(event, about) for event in events],
        "reports": [_show_report(report, about, photos) for report in reports_of(session, work_order.id)],
        "pair": show_pair(pair, about),
        "version": work_order.version,
        # A photo that comes late is no step: who read it before may still act, and who reads again sees it.
        "beside": _version_of(pair, awaited),
    }


def show_line(event: TimelineEvent, about: Subject) -> View:
    """Show a line of history to staff: all of it."""
    content = event.payload.content if event.payload else {}
    brought = photos_of_events([event])
    return {
        **show_event(event, about, seen=()),
        "content": content,
        "photos": about.show_here(brought, shown_by(event.kind)),
        "awaited": about.show_awaited(brought),
        "number": event.number,
        "by": event.by,
        "public": event.public,
        "hash": event.hash.hex(),
    }


def _show_report(report: Report, about: Subject, photos: dict[UUID, list[UUID]]) -> View:
    photo_ids = photos.get(report.id, ())
    return {
        "number": report.number,
        "filed_at": report.filed_at,
        "description": report.description,
        "channel": report.channel,
        "lon": report.position.lon,
        "lat": report.position.lat,
        "accuracy_m": report.accuracy_m,
        "position_source": report.position_source.value,
        "photos": about.show_here(photo_ids, Shows.REPORTED),
        "awaited": about.show_awaited(photo_ids),
    }
