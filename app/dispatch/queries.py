"""Reads of dispatch: the units that a choice may fall on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.catalogue.models import Unit


def possible_units(
    session: Session, *, codes: Sequence[str], roles: Sequence[str], areas: Sequence[str]
) -> Sequence[Unit]:
    """Give the current units of these codes, and those of these roles for one of these areas, in one statement."""
    by_role = and_(Unit.role.in_(roles), Unit.area_code.in_(areas))
    statement = select(Unit).where(Unit.until.is_(None), or_(Unit.code.in_(codes), by_role)).order_by(Unit.code)
    return session.scalars(statement).all()
