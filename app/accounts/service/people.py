"""Accounts: add, change, disable; administrators look after those of their own unit and area."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.errors import (
    LoginTaken,
    NameTaken,
    NoPassword,
    NoSuchPerson,
    NotOneself,
    OutsideYourScope,
    UnknownArea,
)
from app.accounts.models import Staff
from app.accounts.roles import STAFF_ROLES, Role
from app.accounts.service.person import ANY_UNIT, Person
from app.accounts.service.tokens import revoke_all
from app.catalogue.city import current_city
from app.catalogue.errors import UnknownUnit
from app.catalogue.service import find_unit

ONE_TIME_DAYS = 3


def add_staff(
    session: Session,
    *,
    name: str,
    role: Role,
    unit: str | None,
    area: str | None,
    now: dt.datetime,
    login: str | None = None,
    machine: bool = False,
    by: Person | None = None,
) -> Staff:
    """Add a person, or a machine client, with a role and a scope; ``by`` is bounded by their own scope.

    Raises UnknownUnit, UnknownArea, OutsideYourScope, NameTaken or LoginTaken.
    """
    if role not in STAFF_ROLES:
        message = f"{role} is nobody's account"
        raise ValueError(message)
    require_scope(session, unit=unit, area=area, by=by)
    if session.scalar(select(Staff.id).where(Staff.name == name)) is not None:
        raise NameTaken
    staff = Staff(name=name, role=role, unit=unit, area=area, created_at=now, machine=machine)
    give_login(session, staff, login)
    session.add(staff)
    session.flush()
    return staff


def require_scope(session: Session, *, unit: str | None, area: str | None, by: Person | None = None) -> None:
    """Check a scope: unit and area are the city's, and lie in that of ``by``.

    Nothing at all, which covers nothing, is for commands only. Raises UnknownUnit, UnknownArea or OutsideYourScope.
    """
    if unit not in {None, ANY_UNIT} and find_unit(session, str(unit)) is None:
        raise UnknownUnit(unit, "Take a code of its units, or * for any unit of the area.")
    if area is not None and not queries.is_area(session, area, city=current_city(session)):
        raise UnknownArea(area)
    if by is not None and not _covers(session, by, unit=unit, area=area):
        raise OutsideYourScope


def _covers(session: Session, by: Person, *, unit: str | None, area: str | None) -> bool:
    if unit is None or area is None:
        return False
    return by.covers(units=[unit], areas=queries.areas_around(session, area, city=current_city(session)))


def give_login(session: Session, staff: Staff, login: str | None) -> None:
    """Give an account a login, or take it away; it is kept in lower case. Raises LoginTaken."""
    login = login.strip().lower() if login else None
    if login and session.scalar(select(Staff.id).where(Staff.login == login, Staff.name != staff.name)) is not None:
        raise LoginTaken
    staff.login = login


def find_staff(session: Session, name: str) -> Staff:
    """Find an account by its name. Raises NoSuchPerson."""
    staff = session.scalars(select(Staff).where(Staff.name == name)).one_or_none()
    if staff is None:
        raise NoSuchPerson(name)
    return staff


def managed_staff(session: Session, staff_id: UUID, *, by: Person, change: bool = False) -> Staff:
    """Find an account in the scope of an administrator, and lock it for a ``change``.

    Raises NoSuchPerson outside of the scope, NotOneself where somebody would change their own account.
    """
    staff = session.get(Staff, staff_id, with_for_update=change, populate_existing=change)
    if staff is None or not _covers(session, by, unit=staff.unit, area=staff.area):
        raise NoSuchPerson
    if change and staff.id == by.id:
        raise NotOneself
    return staff


def change_staff(
    session: Session, staff_id: UUID, *, by: Person, now: dt.datetime, disabled: bool | None = None, **new: Any
) -> Staff:
    """Change role, unit, area or login of an account, disable or enable it; what is not named stays."""
    staff = managed_staff(session, staff_id, by=by, change=True)
    require_scope(session, unit=new.get("unit", staff.unit), area=new.get("area", staff.area), by=by)
    if "login" in new:
        give_login(session, staff, new.pop("login"))
    for name, value in new.items():
        setattr(staff, name, value)
    if disabled:
        disable_staff(session, staff, now=now)
    elif disabled is not None:
        enable_staff(staff)
    session.flush()
    return staff


def disable_staff(session: Session, staff: Staff, *, now: dt.datetime) -> None:
    """Let somebody in no more; their tokens are revoked for good."""
    staff.disabled_at = staff.disabled_at or now
    revoke_all(session, staff.id, now=now)
    session.flush()


def enable_staff(staff: Staff) -> None:
    """Let somebody in again who was disabled or locked out; they sign in anew."""
    staff.disabled_at = None
    staff.failed_sign_ins, staff.locked_until = 0, None


def set_password(
    session: Session, staff: Staff, hashed: str, *, now: dt.datetime, one_time: bool, forget_totp: bool = False
) -> None:
    """Set a password that somebody else chose and end all sessions; a one-time one must be changed within days.

    Raises NoPassword for a machine, and for who has no login to use it with.
    """
    if staff.machine or staff.login is None:
        raise NoPassword("A machine has keys and no password." if staff.machine else "Give this account a login first.")
    staff.password_hash = hashed
    staff.one_time_until = now + dt.timedelta(days=ONE_TIME_DAYS) if one_time else None
    staff.failed_sign_ins, staff.locked_until = 0, None
    if forget_totp:
        staff.totp_secret, staff.totp_confirmed_at = None, None
    revoke_all(session, staff.id, now=now)
    session.flush()
