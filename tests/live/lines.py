"""Reports that are filed and lines that are appended for the tests of the live stream; all of it is committed."""

from __future__ import annotations

from uuid import UUID

from app.accounts.service import SYSTEM
from app.db import Session, utcnow
from app.reports import service
from app.reports.models import Report
from app.workorders.models import TimelineEvent, WorkOrder
from app.workorders.states import EventKind
from app.workorders.timeline import append
from tests.make import make_report


def filed(**over: object) -> tuple[Report, str, UUID]:
    """File a report; give it, the secret of its link, and its work order's id."""
    with Session.begin() as session:
        report = make_report(session, now=utcnow(), **over)
        found = service.show(session, report)
        return report, found.tracking_url.rsplit("/", 1)[1], found.work_order.id


def note(work_order_id: UUID, words: str, *, public: bool = True, **content: object) -> TimelineEvent:
    """Append a note to a history as any service does: under the lock of the row."""
    with Session.begin() as session:
        work_order = session.get_one(WorkOrder, work_order_id, with_for_update=True)
        said = {"note": words, **content}
        return append(
            session, work_order, EventKind.NOTE, at=utcnow(), by=SYSTEM.signature, content=said, public=public
        )


def position(work_order_id: UUID) -> str:
    """Give where a history stands."""
    with Session() as session:
        work_order = session.get_one(WorkOrder, work_order_id)
        return f"{work_order.public_id}.{work_order.events}"
