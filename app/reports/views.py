"""What is shown of a report and of a work order: plain members for the wire shapes and the pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.dispatch.models import Part
from app.dispatch.queries import open_parts
from app.fieldwork.queries import checks_of
from app.media import service as media
from app.media.links import Kind
from app.media.models import UploadState
from app.media.uploads import awaited_among
from app.reports.models import Report
from app.reports.queries import photos_of_events, photos_of_reports, reports_of
from app.reports.service import Track
from app.workorders import queries
from app.workorders.lifecycle import legal
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.service import check_scope

View = dict[str, Any]
_FILED = (EventKind.RECEIVED, EventKind.JOINED)
Awaited = Mapping[UUID, UploadState]


def show_picture(photo_id: UUID | str, kind: Kind = Kind.PLAIN) -> dict[str, str]:
    """Give the links of a photo's two renditions; plain ones are for staff and the one who sent it, nobody else."""
    known, here = UUID(str(photo_id)), media.current()
    return {
        "large": media.rendition_url(here, known, 1600, kind=kind, absolute=True),
        "small": media.rendition_url(here, known, 320, kind=kind, absolute=True),
    }


def show_masked(photo_id: UUID | str) -> dict[str, str]:
    """Give the links of a photo's two masked renditions, which everybody may see once ``Photo.is_public``."""
    return show_picture(photo_id, Kind.MASKED)


def show_awaited(photo_ids: Iterable[UUID | str], awaited: Awaited) -> list[View]:
    """Name those of the photos whose picture is not here, with how far each is: a link to it would be broken."""
    known = [UUID(str(photo_id)) for photo_id in photo_ids]
    return [{"id": photo_id, "state": awaited[photo_id]} for photo_id in known if photo_id in awaited]


def _show_here(photo_ids: Iterable[UUID | str], awaited: Awaited) -> list[dict[str, str]]:
    return [show_picture(photo_id) for photo_id in photo_ids if UUID(str(photo_id)) not in awaited]


def show_event(event: TimelineEvent, *, seen: Collection[UUID], awaited: Awaited) -> View:
    """Show a line of history to the public; where its payload was erased, only kind and time are left.

    Of its photos those of ``seen`` are shown, masked, and those of ``awaited`` are named.
    """
    content = event.payload.content if event.payload else {}
    return {
        "kind": event.kind,
        "at": event.at,
        "unit": content.get("unit"),
        "note": content.get("note"),
        "due_at": content.get("due_at"),
        "until": content.get("until"),
        "declined": content.get("declined"),
        "photos": [show_masked(photo_id) for photo_id in content.get("photos", ()) if UUID(photo_id) in seen],
        "awaited": show_awaited(content.get("photos", ()), awaited),
    }


def _show_to(report: Report, event: TimelineEvent, found: Track) -> View:
    """Show a line to a reporter, with the words and photos that are their own; nobody else's are shown."""
    shown = show_event(event, seen=found.seen, awaited=found.awaited) | {"own_words": None}
    content = event.payload.content if event.payload else {}
    if content.get("report") == str(report.id):
        said = content.get("reason") if event.kind is EventKind.OBJECTED else None
        shown["own_words"] = (report.description if event.kind in _FILED else said) or None
        own = content.get("own_photos", ())
        shown["photos"] += _show_here(own, found.awaited)
        shown["awaited"] += show_awaited(own, found.awaited)
    return shown


def show_track(found: Track) -> View:
    """Show a report to the one who sent it."""
    report, work_order = found.report, found.work_order
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
        "events": [_show_to(report, event, found) for event in found.events],
        "photos": _show_here(photo_ids, found.awaited),
        "awaited": show_awaited(photo_ids, found.awaited),
        "attribution": found.city.attribution,
    }


def version_of(found: Track) -> str:
    """Give what changes whenever the view of a report does."""
    work_order = found.work_order
    seen = " ".join(sorted(map(str, found.seen)))
    photos = f"{seen} {_version_of_awaited(found.awaited)}"
    return f"{found.report.id} {work_order.id} {work_order.events} {work_order.reports} {found.city.version} {photos}"


def _version_of_awaited(awaited: Awaited) -> str:
    return " ".join(sorted(f"{photo_id}={state}" for photo_id, state in awaited.items()))


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
    awaited = awaited_among(session, [*reported, *photos_of_events(events)])
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
        "events": [_show_line(event, awaited) for event in events],
        "reports": [_show_report(report, photos, awaited) for report in reports_of(session, work_order.id)],
        "version": work_order.version,
        # A photo that comes late is no step: who read it before may still act, and who reads again sees it.
        "beside": _version_of_awaited(awaited),
    }


def _show_line(event: TimelineEvent, awaited: Awaited) -> View:
    content = event.payload.content if event.payload else {}
    brought = photos_of_events([event])
    return {
        **show_event(event, seen=(), awaited=awaited),
        "content": content,
        "photos": _show_here(brought, awaited),
        "awaited": show_awaited(brought, awaited),
        "number": event.number,
        "by": event.by,
        "public": event.public,
        "hash": event.hash.hex(),
    }


def _show_report(report: Report, photos: dict[UUID, list[UUID]], awaited: Awaited) -> View:
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
        "photos": _show_here(photo_ids, awaited),
        "awaited": show_awaited(photo_ids, awaited),
    }
