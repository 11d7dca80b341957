"""The words that a work order shows to everybody: those of its first report with any, as filter and staff say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.publicmap.models import TextDecision, TextVerdict
from app.publicmap.words import Filtered, judge
from app.reports.models import Report, ReportLink


@dataclass(frozen=True, slots=True)
class FirstWords:
    """What the first report of a work order with any words says, and what staff decided of that."""

    report_id: UUID
    description: str
    filed_at: dt.datetime
    verdict: TextVerdict | None

    @property
    def filtered(self) -> Filtered:
        """Say what the filter says."""
        return judge(self.description)

    @property
    def is_public(self) -> bool:
        """Tell whether everybody may read them: staff said so, or the filter did and staff said nothing."""
        if self.verdict is None:
            return self.filtered is Filtered.OK
        return self.verdict is TextVerdict.RELEASED


def first_words(session: Session, work_order_ids: Collection[UUID]) -> dict[UUID, FirstWords]:
    """Give the first words of each work order, public or not; those without any are left out."""
    statement = (
        select(ReportLink.work_order_id, Report.id, Report.description, Report.filed_at, TextDecision.verdict)
        .join(Report, Report.id == ReportLink.report_id)
        .outerjoin(TextDecision, TextDecision.report_id == Report.id)
        .where(ReportLink.work_order_id.in_(work_order_ids), Report.description != "")
        .ext(distinct_on(ReportLink.work_order_id))
        .order_by(ReportLink.work_order_id, Report.filed_at, Report.id)
    )
    if not work_order_ids:
        return {}
    return {row[0]: FirstWords(*row[1:]) for row in session.execute(statement)}
