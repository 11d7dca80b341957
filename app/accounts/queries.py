"""Reads of accounts: areas above and below one, the people of a scope, the tokens of a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session

from app.accounts.models import Staff, Token
from app.accounts.service.person import Person
from app.catalogue.city import City
from app.geo.models import Area

PAGE = 100


def areas_around(session: Session, code: str, *, city: City) -> set[str]:
    """Give the codes of an area and of all that contain it, the city's at least."""
    line = select(Area.code, Area.parent).where(Area.code == code, Area.until.is_(None)).cte("line", recursive=True)
    above = select(Area.code, Area.parent).join(line, Area.code == line.c.parent).where(Area.until.is_(None))
    return {code, city.code, *session.scalars(select(line.union(above).c.code))}


def is_area(session: Session, code: str, *, city: City) -> bool:
    """Tell whether the city has an area of this code now."""
    current = select(Area.code).where(Area.code == code, Area.until.is_(None))
    return code == city.code or session.scalar(current) is not None


def list_staff(
    session: Session, *, by: Person, city: City, machine: bool | None = None, after: UUID | None = None
) -> Sequence[Staff]:
    """List a page of the accounts in a person's scope, the oldest first, from behind the one of id ``after``."""
    statement = _in_scope(select(Staff), by=by, city=city)
    if machine is not None:
        statement = statement.where(Staff.machine.is_(machine))
    if after is not None:
        statement = statement.where(Staff.id > after)
    return session.scalars(statement.order_by(Staff.id).limit(PAGE)).all()


def _in_scope(statement: Select[Staff], *, by: Person, city: City) -> Select[Staff]:
    """Bound a statement by unit and area as ``Person.covers`` does; without a scope there is nobody."""
    if by.area is None or by.unit is None:
        return statement.where(false())
    if not by.all_units:
        statement = statement.where(Staff.unit == by.unit)
    if by.area == city.code:
        return statement.where(Staff.area.is_not(None), Staff.unit.is_not(None))
    start = select(Area.code).where(Area.code == by.area, Area.until.is_(None)).cte("below", recursive=True)
    below = start.union(select(Area.code).join(start, Area.parent == start.c.code).where(Area.until.is_(None)))
    return statement.where(Staff.area.in_(select(below.c.code)), Staff.unit.is_not(None))


def list_tokens(session: Session, staff_id: UUID, *, now: dt.datetime) -> Sequence[Token]:
    """List the tokens of a person that can be used, the newest first."""
    usable = (Token.staff_id == staff_id, Token.revoked_at.is_(None), Token.expires_at > now)
    return session.scalars(select(Token).where(*usable).order_by(Token.id.desc())).all()
