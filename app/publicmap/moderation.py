"""Verbs of staff about residents' words: release what the filter stopped, hide what it let pass."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.publicmap.errors import NoDescription
from app.publicmap.first_words import FirstWords, first_words
from app.publicmap.models import TextDecision, TextVerdict, WaitingWords
from app.publicmap.views import public_words
from app.workorders.models import WorkOrder
from app.workorders.queries import find_work_order
from app.workorders.service import check_scope


def decide_words(
    session: Session, public_id: str, verdict: TextVerdict, *, by: Person, now: dt.datetime
) -> dict[str, Any]:
    """Say whether everybody reads the words of a work order. Raises NoSuchWorkOrder, NoDescription."""
    work_order, words = _find(session, public_id, by)
    session.execute(delete(WaitingWords).where(WaitingWords.report_id == words.report_id))
    session.merge(TextDecision(report_id=words.report_id, verdict=verdict, by=by.signature, at=now))
    session.flush()
    return _show(session, work_order, words)


def show_words(session: Session, public_id: str, *, by: Person) -> dict[str, Any]:
    """Show the words of a work order to staff, with what the filter and staff said of them."""
    return _show(session, *_find(session, public_id, by))


def _find(session: Session, public_id: str, by: Person) -> tuple[WorkOrder, FirstWords]:
    work_order = check_scope(find_work_order(session, public_id), by=by, city=current_city(session))
    words = first_words(session, [work_order.id]).get(work_order.id)
    if words is None:
        raise NoDescription("No report of this work order has words.")
    return work_order, words


def _show(session: Session, work_order: WorkOrder, words: FirstWords) -> dict[str, Any]:
    decision = session.get(TextDecision, words.report_id, populate_existing=True)
    return {
        "description": words.description,
        "filter": words.filtered,
        "verdict": decision.verdict if decision else None,
        "by": decision.by if decision else None,
        "at": decision.at if decision else None,
        "is_public": public_words(session, work_order) is not None,
    }
