"""Sign in: by password and code, or by the word of the single sign-on.

The slow part, ``prove``, stands between a read and a transaction. Whatever was wrong, the answer is the same; the
failure is counted in the transaction, so ``sign_in`` answers None instead of raising.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts import passwords, totp
from app.accounts.errors import NotOneOfUs
from app.accounts.models import Staff
from app.accounts.roles import TokenKind
from app.accounts.service.tokens import issue_token

SESSION_HOURS = 12  # a long shift
FAILURES_BEFORE_LOCK = 5
LOCK_MINUTES = 15
LONGEST_LOCK_MINUTES = 24 * 60
_CLAIM = select(Staff.id, Staff.login, Staff.password_hash)
SIGNED_IN, SIGNED_ON = "password", "single sign-on"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says they are, and the hash that their password must match; nobody for an unknown login."""

    staff_id: UUID | None
    login: str | None
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the password of a claim was right, and its hash by today's parameters where the kept one is outdated."""

    claim: Claim
    good: bool
    rehashed: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its token, which is shown this once, and whose it is."""

    token: str
    expires_at: dt.datetime
    staff: Staff
    must_change_password: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at the single sign-on. ``verified_email`` is None unless the provider has verified it."""

    issuer: str
    subject: str
    verified_email: str | None


def find_claim(session: Session, login: str) -> Claim:
    """Find what is kept of a login."""
    found = session.execute(_CLAIM.where(Staff.login == login.strip().lower())).one_or_none()
    return Claim(*found) if found else Claim(None, None, None)


def claim_of(session: Session, staff_id: UUID) -> Claim:
    """Find what is kept of who is signed in and shall confirm it by their password."""
    return Claim(*session.execute(_CLAIM.where(Staff.id == staff_id)).one())


def prove(claim: Claim, password: str) -> Proof:
    """Check a password: about a tenth of a second, whether the login is known or not. Outside of any transaction."""
    good = passwords.matches(password, claim.password_hash)
    outdated = good and claim.password_hash is not None and passwords.is_outdated(claim.password_hash)
    return Proof(claim, good, passwords.hash_password(password) if outdated else None)


def sign_in(session: Session, proof: Proof, *, code: str, now: dt.datetime) -> SignedIn | None:
    """Open a session for who proved who they are; None where they did not, and the failure is counted."""
    staff = accept(session, proof, now=now, code=code)
    if staff is None:
        return None
    return _open_session(session, staff, label=SIGNED_IN, now=now)


def accept(session: Session, proof: Proof, *, now: dt.datetime, code: str | None = None) -> Staff | None:
    """Lock the account and decide: None for a wrong password, a wrong code, a locked or a disabled account.

    The row is read again: of a hundred guesses at once no more count than of a hundred in a row. The code is asked
    where there is a second factor, unless ``code`` is None.
    """
    # A failure that a crash forgets does no harm, and a commit that waits for no disk tells no login from another.
    session.execute(text("SET LOCAL synchronous_commit = off"))
    statement = select(Staff).where(Staff.id == proof.claim.staff_id).with_for_update()
    staff = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    if staff is None or (staff.locked_until is not None and staff.locked_until > now):
        return None
    unchanged = staff.password_hash == proof.claim.password_hash
    if not (proof.good and unchanged and _is_usable(staff, now) and _has_code(staff, code, now)):
        _count_failure(staff, now)
        session.flush()
        return None
    session.execute(text("SET LOCAL synchronous_commit = on"))
    staff.failed_sign_ins, staff.locked_until = 0, None
    staff.password_hash = proof.rehashed or staff.password_hash
    session.flush()
    return staff


def _is_usable(staff: Staff, now: dt.datetime) -> bool:
    return staff.disabled_at is None and (staff.one_time_until is None or staff.one_time_until > now)


def _has_code(staff: Staff, code: str | None, now: dt.datetime) -> bool:
    if code is None or staff.totp_secret is None or staff.totp_confirmed_at is None:
        return True
    step = totp.matching_step(staff.totp_secret, code, after=staff.last_totp_step, now=now)
    staff.last_totp_step = step or staff.last_totp_step
    return step is not None


def _count_failure(staff: Staff, now: dt.datetime) -> None:
    """Count a failure; every fifth one in a row locks the account, each time for twice as long."""
    staff.failed_sign_ins += 1
    locks, rest = divmod(staff.failed_sign_ins, FAILURES_BEFORE_LOCK)
    if not rest:
        minutes = min(LOCK_MINUTES * 2 ** min(locks - 1, 16), LONGEST_LOCK_MINUTES)
        staff.locked_until = now + dt.timedelta(minutes=minutes)


def sign_on(session: Session, identity: Identity, *, now: dt.datetime) -> SignedIn:
    """Open a session for whom the single sign-on vouches.

    Found by issuer and subject; the first time by an e-mail address that the provider has verified and that is the
    login of an account, which is bound to them from then on. Raises NotOneOfUs.
    """
    subject = f"{identity.issuer}|{identity.subject}"
    staff = session.scalars(select(Staff).where(Staff.subject == subject).with_for_update()).one_or_none()
    if staff is None and identity.verified_email is not None:
        unbound = (Staff.login == identity.verified_email.strip().lower(), Staff.subject.is_(None))
        staff = session.scalars(select(Staff).where(*unbound).with_for_update()).one_or_none()
    if staff is None or staff.machine or staff.disabled_at is not None:
        raise NotOneOfUs
    staff.subject = subject
    return _open_session(session, staff, label=SIGNED_ON, now=now)


def _open_session(session: Session, staff: Staff, *, label: str, now: dt.datetime) -> SignedIn:
    """Issue the token of a session; where the password is a one-time one it opens the own account only."""
    must_change = staff.one_time_until is not None and label == SIGNED_IN
    scopes = () if must_change else None
    days = SESSION_HOURS / 24
    token = issue_token(session, staff, label=label, now=now, days=days, kind=TokenKind.SESSION, scopes=scopes)
    return SignedIn(token, now + dt.timedelta(hours=SESSION_HOURS), staff, must_change)
