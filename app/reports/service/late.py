"""A photo that comes after its report: what filing would have asked of it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dispatch.service.waiting import PHOTO_FAR
from app.media.queries import find_photo
from app.reports.models import PositionSource, Report, ReportLink, ReportPhoto
from app.reports.service.file import PHOTO_FAR_M
from app.workorders.models import WorkOrder
from app.workorders.service import lock_all


def compare_place(session: Session, photo_id: UUID) -> bool:
    """Flag the work order of a photo that was taken far from where its report says; tell whether it is far.

    A photo that is here at filing holds the dispatch back; by now the work order may be under way, and staff see it.
    """
    photo = find_photo(session, photo_id)
    of_photo = select(Report).join(ReportPhoto, ReportPhoto.report_id == Report.id)
    report = session.scalars(of_photo.where(ReportPhoto.photo_id == photo_id)).one_or_none()
    if photo is None or photo.position is None or report is None or report.position_source is not PositionSource.SENT:
        return False
    if photo.position.distance_m(report.position) <= PHOTO_FAR_M:
        return False
    linked = select(WorkOrder).join(ReportLink, ReportLink.work_order_id == WorkOrder.id)
    for work_order in lock_all(session, linked.where(ReportLink.report_id == report.id)):
        work_order.flags = sorted({*work_order.flags, PHOTO_FAR})
    return True
