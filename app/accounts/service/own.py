"""One's own account: password and second factor. Only a session may touch them, no other token."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.accounts import totp
from app.accounts.errors import CodeInUse, NoCodeBegun, NoPassword, SessionOnly, WrongCode
from app.accounts.models import Staff, Token
from app.accounts.roles import TokenKind
from app.accounts.service.person import Person
from app.accounts.service.sign_in import Proof, accept
from app.accounts.service.tokens import revoke_all


def require_session(by: Person) -> None:
    """Raise SessionOnly for a token of another kind: who steals one must not be able to lock its owner out."""
    if by.token_kind is not TokenKind.SESSION:
        raise SessionOnly


def change_password(session: Session, proof: Proof, hashed: str, *, by: Person, now: dt.datetime) -> bool:
    """Set the person's own password, if they proved the one of before; all their other sessions end."""
    staff = accept(session, proof, now=now)
    if staff is None:
        return False
    staff.password_hash, staff.one_time_until = hashed, None
    revoke_all(session, staff.id, now=now, kind=TokenKind.SESSION, but=by.token_id)
    session.get_one(Token, by.token_id).scopes = None
    session.flush()
    return True


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The secret of a second factor, and the otpauth URI in which a phone takes it."""

    secret: str
    uri: str


def begin_totp(session: Session, *, by: Person) -> NewSecret:
    """Draw the secret of a second factor and return it; nothing is asked before it is confirmed.

    Raises NoPassword or CodeInUse.
    """
    staff = _lock(session, by)
    if staff.password_hash is None or staff.login is None:
        raise NoPassword
    if staff.totp_confirmed_at is not None:
        raise CodeInUse
    secret = totp.new_secret()
    staff.totp_secret, staff.last_totp_step = totp.seal(secret), None
    session.flush()
    return NewSecret(secret, totp.address(secret, staff.login))


def confirm_totp(session: Session, code: str, *, by: Person, now: dt.datetime) -> None:
    """Confirm the second factor by a code of the phone. Raises NoCodeBegun, CodeInUse or WrongCode."""
    staff = _lock(session, by)
    if staff.totp_confirmed_at is not None:
        raise CodeInUse
    if staff.totp_secret is None:
        raise NoCodeBegun
    step = totp.matching_step(staff.totp_secret, code, after=None, now=now)
    if step is None:
        raise WrongCode
    staff.totp_confirmed_at, staff.last_totp_step = now, step
    session.flush()


def remove_totp(session: Session, proof: Proof, *, now: dt.datetime) -> bool:
    """Ask for no code any more, if the person proved their password."""
    staff = accept(session, proof, now=now)
    if staff is None:
        return False
    staff.totp_secret, staff.totp_confirmed_at = None, None
    session.flush()
    return True


def _lock(session: Session, by: Person) -> Staff:
    return session.get_one(Staff, by.id, with_for_update=True, populate_existing=True)
