"""Reads of the field: the checks of a work order, and those that wait for a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from app.accounts.service import Person
from app.catalogue.city import current_city
from app.dispatch.lists import in_area, rows_after
from app.fieldwork.models import EvidenceCheck


def checks_of(session: Session, work_order_id: UUID) -> Sequence[EvidenceCheck]:
    """Give the evidence checks of a work order, first made first."""
    statement = (
        select(EvidenceCheck)
        .where(EvidenceCheck.work_order_id == work_order_id)
        .order_by(EvidenceCheck.at, EvidenceCheck.id)
    )
    return session.scalars(statement).all()


def check_of(session: Session, event_id: UUID) -> EvidenceCheck | None:
    """Give the evidence check of a step; None of one that is no repair."""
    return session.scalars(select(EvidenceCheck).where(EvidenceCheck.event_id == event_id)).one_or_none()


def open_checks(
    session: Session, *, by: Person, limit: int, after: Sequence[Any] | None = None
) -> Sequence[EvidenceCheck]:
    """List the failed checks without a verdict in a person's scope, oldest first, each with its work order.

    ``after`` is ``at`` and ``id`` of the last one seen. No scope lists nothing.
    """
    city = current_city(session)
    statement = (
        select(EvidenceCheck)
        .join(EvidenceCheck.work_order)
        .where(EvidenceCheck.failed, EvidenceCheck.verdict.is_(None), in_area(by, city))
        .options(contains_eager(EvidenceCheck.work_order))
        .limit(limit)
    )
    if not by.all_units:
        statement = statement.where(EvidenceCheck.unit == by.unit)
    return session.scalars(rows_after(statement, EvidenceCheck.at, EvidenceCheck.id, after)).all()
