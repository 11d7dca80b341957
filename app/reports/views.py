"""What is shown of a report and of a work order: plain members for the wire shapes and the pages."""

from __future__ import annotations

from collections.abc import Collection
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
from app.reports.models import Report
from app.reports.queries import photos_of_reports, reports_of
from app.reports.service import Track
from app.workorders import queries
from app.workorders.lifecycle import legal
from app.workorders.models import EventKind, TimelineEvent, WorkOrder
from app.workorders.service import check_scope

View = dict[str, Any]
_FILED = (EventKind.RECEIVED, EventKind.JOINED)


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


def show_event(event: TimelineEvent, *, seen: Collection[UUID]) -> View:
    """Show a line of history to the public; where its payload was erased, only kind and time are left.

    Of its photos those of ``seen`` are shown, masked.
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
    }


def _show_to(report: Report, event: TimelineEvent, seen: Collection[UUID]) -> View:
    """Show a line to a reporter, with the words and photos that are their own; nobody else's are shown."""
    shown = show_event(event, seen=seen) | {"own_words": None}
    content = event.payload.content if event.payload else {}
    if content.get("report") == str(report.id):
        said = content.get("reason") if event.kind is EventKind.OBJECTED else None
        shown["own_words"] = (report.description if event.kind in _FILED else said) or None
        shown["photos"] += [show_picture(photo_id) for photo_id in content.get("own_photos", ())]
    return shown


def show_track(found: Track) -> View:
    """Show a report to the one who sent it."""
    report, work_order = found.report, found.work_order
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
        "events": [_show_to(report, event, found.seen) for event in found.events],
        "photos": [show_picture(photo.id) for photo in found.photos],
        "attribution": found.city.attribution,
    }


def version_of(found: Track) -> str:
    """Give what changes whenever the view of a report does."""
    work_order = found.work_order
    seen = " ".join(sorted(map(str, found.seen)))
    return f"{found.report.id} {work_order.id} {work_order.events} {work_order.reports} {found.city.version} {seen}"


def show_work_order(session: Session, public_id: str, *, by: Person) -> View:
    """Show a work order to staff. Raises NoSuchWorkOrder outside their scope."""
    city = current_city(session)
    work_order = check_scope(queries.find_work_order(session, public_id), by=by, city=city)
    parts = open_parts(session, work_order.id)
    lead = next((part for part in parts if part.part is Part.LEAD), None)
    survivor = session.get(WorkOrder, work_order.merged_into) if work_order.merged_into else None
    photos = photos_of_reports(session, work_order.id)
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
        "events": [_show_line(event) for event in queries.history(session, work_order.id, public_only=False)],
        "reports": [_show_report(report, photos) for report in reports_of(session, work_order.id)],
        "version": work_order.version,
    }


def _show_line(event: TimelineEvent) -> View:
    content = event.payload.content if event.payload else {}
    seen = [*content.get("photos", ()), *content.get("own_photos", ())]
    return {
        **show_event(event, seen=()),
        "content": content,
        "photos": [show_picture(photo_id) for photo_id in seen],
        "number": event.number,
        "by": event.by,
        "public": event.public,
        "hash": event.hash.hex(),
    }


def _show_report(report: Report, photos: dict[UUID, list[UUID]]) -> View:
    return {
        "number": report.number,
        "filed_at": report.filed_at,
        "description": report.description,
        "channel": report.channel,
        "lon": report.position.lon,
        "lat": report.position.lat,
        "accuracy_m": report.accuracy_m,
        "position_source": report.position_source.value,
        "photos": [show_picture(photo_id) for photo_id in photos.get(report.id, ())],
    }
