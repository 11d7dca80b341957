"""Reads of dispatch: parts of a work order, the units that a choice may fall on."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from app.assets.models import Asset
from app.catalogue.models import Unit
from app.dispatch.models import Assignment


def possible_units(
    session: Session, *, codes: Sequence[str], roles: Sequence[str], areas: Sequence[str]
) -> Sequence[Unit]:
    """Give the current units of these codes, and those of these roles for one of these areas, in one statement."""
    by_role = and_(Unit.role.in_(roles), Unit.area_code.in_(areas))
    statement = select(Unit).where(Unit.until.is_(None), or_(Unit.code.in_(codes), by_role)).order_by(Unit.code)
    return session.scalars(statement).all()


def owning_unit(session: Session, asset_id: UUID | None) -> str:
    """Give the code of the unit that owns an asset; empty where no unit of the city does."""
    owners = select(Unit.code).join(Asset, Asset.owner == Unit.code).where(Asset.id == asset_id, Unit.until.is_(None))
    return session.scalar(owners) or ""


def open_parts(session: Session, work_order_id: UUID) -> Sequence[Assignment]:
    """Give the present parts of a work order with their units, the lead first."""
    statement = (
        select(Assignment)
        .where(Assignment.work_order_id == work_order_id, Assignment.ended_at.is_(None))
        .options(joinedload(Assignment.unit))
        .order_by(Assignment.part.desc(), Assignment.assigned_at, Assignment.id)
    )
    return session.scalars(statement).all()
