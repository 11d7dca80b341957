"""Tokens: issue one, find who it is, revoke it."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.errors import NoSuchToken
from app.accounts.models import Staff, Token
from app.accounts.roles import Scope, TokenKind
from app.accounts.service.person import ANY_UNIT, Person
from app.catalogue.city import DISPATCH_CENTRE
from app.catalogue.models import Unit

TOKEN_DAYS = 90
USE_NOTED = dt.timedelta(minutes=1)


def token_digest(token: str) -> bytes:
    """Give what is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def issue_token(
    session: Session,
    staff: Staff,
    *,
    label: str,
    now: dt.datetime,
    days: float = TOKEN_DAYS,
    kind: TokenKind = TokenKind.PERSONAL,
    scopes: Sequence[Scope] | None = None,
) -> str:
    """Issue a bearer token for ``days`` days and return it: it is shown this once and kept as a digest.

    Without ``scopes`` it may be used for whatever the role may; with an empty list for nothing but the own account.
    """
    token = secrets.token_urlsafe(32)
    row = Token(
        staff_id=staff.id,
        digest=token_digest(token),
        kind=TokenKind.MACHINE if staff.machine else kind,
        scopes=None if scopes is None else [scope.value for scope in scopes],
        label=label,
        created_at=now,
        expires_at=now + dt.timedelta(days=days),
    )
    session.add(row)
    session.flush()
    return token


def find_person(session: Session, token: str, *, now: dt.datetime) -> Person | None:
    """Find who a token is; None when it is unknown, expired, revoked, or its person disabled."""
    statement = (
        select(Staff.id, Staff.name, Staff.role, Staff.unit, Staff.area, Unit.role.label("unit_role"))
        .add_columns(Token.id.label("token_id"), Token.kind, Token.scopes, Token.last_used_at)
        .join(Token, Token.staff_id == Staff.id)
        .outerjoin(Unit, and_(Unit.code == Staff.unit, Unit.until.is_(None)))
        .where(Token.digest == token_digest(token), Token.expires_at > now)
        .where(Token.revoked_at.is_(None), Staff.disabled_at.is_(None))
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    if found.last_used_at is None or found.last_used_at <= now - USE_NOTED:
        note_use(session, found.token_id, now=now)
    all_units = found.unit == ANY_UNIT or found.unit_role == DISPATCH_CENTRE
    scopes = None if found.scopes is None else tuple(found.scopes)
    return Person(
        found.id,
        found.name,
        found.role,
        found.unit,
        found.area,
        all_units,
        token_id=found.token_id,
        token_kind=found.kind,
        scopes=scopes,
    )


def note_use(session: Session, token_id: UUID, *, now: dt.datetime) -> None:
    """Note when a token was last used, to the minute: of several requests at once the first one writes."""
    stale = or_(Token.last_used_at.is_(None), Token.last_used_at <= now - USE_NOTED)
    session.execute(
        update(Token).where(Token.id == token_id, stale).values(last_used_at=now),
        execution_options={"synchronize_session": False},
    )


def revoke_token(session: Session, token_id: UUID | None, *, staff_id: UUID | None, now: dt.datetime) -> None:
    """Revoke a token; one of ``staff_id`` where that is given. Raises NoSuchToken; twice is harmless."""
    token = session.get(Token, token_id) if token_id else None
    if token is None or staff_id not in {None, token.staff_id}:
        raise NoSuchToken
    token.revoked_at = token.revoked_at or now
    session.flush()


def revoke_all(
    session: Session,
    staff_id: UUID,
    *,
    now: dt.datetime,
    kind: TokenKind | None = None,
    but: UUID | None = None,
) -> None:
    """Revoke the tokens of a person: of one kind, all but one."""
    statement = update(Token).where(Token.staff_id == staff_id, Token.revoked_at.is_(None))
    if kind is not None:
        statement = statement.where(Token.kind == kind)
    if but is not None:
        statement = statement.where(Token.id != but)
    session.execute(statement.values(revoked_at=now))
