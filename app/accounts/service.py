"""Verbs of accounts: add a person, issue a token, find who a token is, decide what somebody may see."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.accounts.models import Staff, Token
from app.accounts.roles import STAFF_ROLES, Role
from app.catalogue.city import DISPATCH_CENTRE
from app.catalogue.models import Unit

TOKEN_DAYS = 90
ANY_UNIT = "*"
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. ``unit`` is the code of their unit, ``area`` that of the area they act for.

    ``all_units``: what they see and move is bounded by the area alone, because they belong to a dispatch centre or
    their unit is ``*``.
    """

    id: UUID
    name: str
    role: Role
    unit: str | None
    area: str | None
    all_units: bool = False

    @property
    def signature(self) -> str:
        """Give how history names them: role and id, never the name."""
        return self.role.value if self.role is Role.SYSTEM else f"{self.role.value}:{self.id}"

    def covers(self, *, units: Iterable[str | None], areas: Iterable[str | None]) -> bool:
        """Tell whether one of the units and one of the areas lie in the person's scope; no scope covers nothing."""
        if self.area is None or self.unit is None or self.area not in set(areas):
            return False
        return self.all_units or self.unit in set(units)


SYSTEM = Person(_NOBODY, "system", Role.SYSTEM, None, None)


def token_digest(token: str) -> bytes:
    """Give what is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def add_staff(
    session: Session, *, name: str, role: Role, unit: str | None, area: str | None, now: dt.datetime
) -> Staff:
    """Add a person with a role and a scope."""
    if role not in STAFF_ROLES:
        message = f"{role} is nobody's account"
        raise ValueError(message)
    staff = Staff(name=name, role=role, unit=unit, area=area, created_at=now)
    session.add(staff)
    session.flush()
    return staff


def issue_token(session: Session, staff: Staff, *, label: str, now: dt.datetime, days: int = TOKEN_DAYS) -> str:
    """Issue a bearer token for ``days`` days and return it: it is shown this once and kept as a digest."""
    token = secrets.token_urlsafe(32)
    expires_at = now + dt.timedelta(days=days)
    session.add(
        Token(staff_id=staff.id, digest=token_digest(token), label=label, created_at=now, expires_at=expires_at)
    )
    session.flush()
    return token


def find_person(session: Session, token: str, *, now: dt.datetime) -> Person | None:
    """Find who a token is; None when it is unknown, expired, revoked, or its person disabled."""
    statement = (
        select(Staff, Unit.role)
        .join(Token, Token.staff_id == Staff.id)
        .outerjoin(Unit, and_(Unit.code == Staff.unit, Unit.until.is_(None)))
        .where(Token.digest == token_digest(token), Token.expires_at > now)
        .where(Token.revoked_at.is_(None), Staff.disabled_at.is_(None))
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    staff, unit_role = found
    all_units = staff.unit == ANY_UNIT or unit_role == DISPATCH_CENTRE
    return Person(staff.id, staff.name, staff.role, staff.unit, staff.area, all_units)
