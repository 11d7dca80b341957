"""Verbs of accounts: add a person, issue a token, find who a token is, decide what somebody may see."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Staff, Token
from app.accounts.roles import Role

TOKEN_DAYS = 90
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. ``area`` is the code of the area they act for, ``unit`` that of their unit (None: any unit there)."""

    id: UUID
    name: str
    role: Role
    unit: str | None
    area: str | None

    @property
    def signature(self) -> str:
        """Give how history names them: role and id, never the name."""
        return self.role.value if self.role is Role.SYSTEM else f"{self.role.value}:{self.id}"

    def covers(self, *, unit: str | None, areas: Iterable[str | None]) -> bool:
        """Tell whether unit and area both lie in the person's scope; without an area nothing does."""
        if self.area is None or self.area not in set(areas):
            return False
        return self.unit is None or self.unit == unit


SYSTEM = Person(_NOBODY, "system", Role.SYSTEM, None, None)


def token_digest(token: str) -> bytes:
    """Give what is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def add_staff(
    session: Session, *, name: str, role: Role, unit: str | None, area: str | None, now: dt.datetime
) -> Staff:
    """Add a person with a role and a scope."""
    if role is Role.SYSTEM:
        message = "no person has the role of the service itself"
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
        select(Staff)
        .join(Token, Token.staff_id == Staff.id)
        .where(Token.digest == token_digest(token), Token.expires_at > now)
        .where(Token.revoked_at.is_(None), Staff.disabled_at.is_(None))
    )
    staff = session.scalars(statement).one_or_none()
    return None if staff is None else Person(staff.id, staff.name, staff.role, staff.unit, staff.area)
