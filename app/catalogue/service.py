"""Find one item or one unit of the current lists."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.errors import UnknownItem
from app.catalogue.models import Item, Unit


def get_item(session: Session, code: str) -> Item:
    """Give the current item of a code. Raises UnknownItem where there is none."""
    item = session.scalars(select(Item).where(Item.code == code, Item.until.is_(None))).one_or_none()
    if item is None:
        raise UnknownItem(code)
    return item


def find_unit(session: Session, code: str) -> Unit | None:
    """Give the current unit of a code, None where there is none."""
    return session.scalars(select(Unit).where(Unit.code == code, Unit.until.is_(None))).one_or_none()
