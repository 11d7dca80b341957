"""Words that wait for staff: noted with each fold of the map, listed oldest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, contains_eager

from app.accounts.service import Person
from app.catalogue.city import City
from app.dispatch.lists import in_scope
from app.publicmap.first_words import FirstWords, first_words
from app.publicmap.models import MapPoint, TextDecision, WaitingWords
from app.publicmap.words import Filtered
from app.reports.models import Report
from app.workorders.models import WorkOrder

NOTED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Waiting:
    """Words that wait: of which work order and report, and when they were written."""

    work_order: WorkOrder
    report: Report

    @property
    def id(self) -> UUID:
        """Give the key of the report."""
        return self.report.id


def note_waiting(session: Session, work_order_ids: Collection[UUID]) -> None:
    """Judge the words of work orders that changed: note those that wait, forget those that do not any more.

    Only of what everybody may see: nobody reads words of what is declined, merged or sensitive.
    """
    shown = select(MapPoint.work_order_id).where(
        MapPoint.work_order_id.in_(work_order_ids), MapPoint.sensitive.is_(False)
    )
    words = first_words(session, session.scalars(shown).all())
    waiting = {key: each for key, each in words.items() if _waits(each)}
    kept = [each.report_id for each in waiting.values()]
    session.execute(
        delete(WaitingWords).where(WaitingWords.work_order_id.in_(work_order_ids), WaitingWords.report_id.not_in(kept))
    )
    if waiting:
        session.execute(_put([_row(key, each) for key, each in waiting.items()]))


def note_all_waiting(session: Session) -> None:
    """Judge the words of all work orders on the map anew."""
    session.execute(delete(WaitingWords))
    after: UUID | None = None
    while True:
        statement = select(MapPoint.work_order_id).order_by(MapPoint.work_order_id).limit(NOTED_AT_ONCE)
        ids = session.scalars(statement.where(MapPoint.work_order_id > after) if after else statement).all()
        if not ids:
            return
        note_waiting(session, ids)
        after = ids[-1]


def list_waiting(
    session: Session, *, by: Person, city: City, limit: int, after: Sequence[Any] | None = None
) -> list[Waiting]:
    """List what waits in the scope of a person, oldest first; ``after`` is time and report of the last one."""
    statement = (
        select(Report, WorkOrder)
        .join(WaitingWords, WaitingWords.report_id == Report.id)
        .join(WorkOrder, WorkOrder.id == WaitingWords.work_order_id)
        .join(WorkOrder.item)
        .options(contains_eager(WorkOrder.item))
        # Decided while it was being noted: the next fold forgets it.
        .outerjoin(TextDecision, TextDecision.report_id == Report.id)
        .where(in_scope(by, city), TextDecision.report_id.is_(None))
        .order_by(WaitingWords.filed_at, WaitingWords.report_id)
        .limit(limit)
    )
    if after:
        place = tuple_(literal(after[0]), literal(after[1]))
        statement = statement.where(tuple_(WaitingWords.filed_at, WaitingWords.report_id) > place)
    return [Waiting(work_order, report) for report, work_order in session.execute(statement)]


def _waits(words: FirstWords) -> bool:
    return words.verdict is None and words.filtered is Filtered.PENDING


def _row(work_order_id: UUID, words: FirstWords) -> dict[str, Any]:
    return {"report_id": words.report_id, "work_order_id": work_order_id, "filed_at": words.filed_at}


def _put(rows: list[dict[str, Any]]) -> Any:
    statement = insert(WaitingWords).values(rows)
    # A merge or a split takes a report to another work order.
    return statement.on_conflict_do_update(
        index_elements=["report_id"], set_={"work_order_id": statement.excluded.work_order_id}
    )
