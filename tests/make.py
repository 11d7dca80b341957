"""Makers of test data: typed functions with sensible values, each of which a test may override."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any
from uuid import UUID, uuid4

from PIL import Image
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.roles import Role
from app.accounts.service import Person
from app.dispatch.case import Asked
from app.fieldwork.service import Brought, take_step
from app.media import service as media
from app.media.models import Photo
from app.notify.contacts import parse_contact
from app.notify.errors import UnusableContact
from app.notify.keys import contact_digest, seal
from app.notify.models import Contact
from app.reports.models import Report
from app.reports.service import NewReport, file_report, show
from app.workorders.lifecycle import Action
from app.workorders.models import WorkOrder
from app.workorders.states import State

NOW = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)  # a Monday, 10:00 in Shenzhen
YUEHAI = (113.9391, 22.5251)  # inside 粤海街道
CITY = "440300"


def make_photo(color: str = "gray", size: tuple[int, int] = (640, 480)) -> bytes:
    """Give the bytes of a JPEG of one colour."""
    target = io.BytesIO()
    Image.new("RGB", size, color).save(target, "JPEG")
    return target.getvalue()


def make_report(session: Session, *, now: dt.datetime = NOW, **over: Any) -> Report:
    """File a report of a street light in Yuehai."""
    lon, lat = YUEHAI
    values: dict[str, Any] = {"lon": lon, "lat": lat, "item": "B0121", "language": "zh", "description": "灯不亮"}
    confirm_contact(session, over.get("contact"), now=now)
    return file_report(session, NewReport(**(values | over)), now=now).report


def confirm_contact(session: Session, contact: str | None, *, now: dt.datetime = NOW) -> None:
    """Keep a contact whose owner has said before that it is theirs; what is no contact is left for others to refuse."""
    try:
        channel, address = parse_contact(contact or "")
    except UnusableContact:
        return
    values = {"channel": channel, "digest": contact_digest(channel, address), "address": seal(address)}
    known = {"language": "zh", "created_at": now, "given_at": now, "asked": 0, "guesses": 0, "ended_because": ""}
    statement = insert(Contact).values(id=uuid4(), confirmed_at=now, **values, **known)
    session.execute(statement.on_conflict_do_nothing())


def make_work_order(session: Session, *, now: dt.datetime = NOW, **over: Any) -> WorkOrder:
    """Open a work order by filing a report."""
    return show(session, make_report(session, now=now, **over)).work_order


def make_person(
    session: Session, role: Role = Role.CREW, *, unit: str | None = accounts.ANY_UNIT, area: str | None = CITY
) -> tuple[Person, str]:
    """Add a person of the city; give them and a token of theirs."""
    name = f"Made-up {role.value} {uuid4()}"
    staff = accounts.add_staff(session, name=name, role=role, unit=unit, area=area, now=NOW)
    token = accounts.issue_token(session, staff, label="test", now=dt.datetime.now(dt.UTC))
    return Person(staff.id, staff.name, staff.role, unit, area, unit == accounts.ANY_UNIT), token


def make_after_photo(session: Session, *, color: str = "green") -> Photo:
    """Record a photo that a crew took."""
    accepted = media.accept(media.current(), [media.Upload("after.jpg", make_photo(color))])
    return media.record(session, accepted[0], now=NOW, claimed=True)


def take(session: Session, report: Report, role: Role, action: Action, *, now: dt.datetime = NOW, **asked: Any) -> None:
    """Take a step with the work order of a report; ``photo_ids`` are photos that were uploaded before."""
    brought = Brought(ids=asked.pop("photo_ids", ()))
    by, _ = make_person(session, role)
    public_id = show(session, report).work_order.public_id
    take_step(session, public_id, Asked(action=action, **asked), brought=brought, by=by, now=now)
    session.flush()


def fix(session: Session, report: Report, *, now: dt.datetime = NOW, color: str = "green", note: str = "") -> Photo:
    """Let the unit say that the problem of a report is fixed; give its after-photo."""
    if show(session, report).work_order.state is State.DISPATCHED:
        take(session, report, Role.CREW, Action.SIGN, now=now)
    photo = make_after_photo(session, color=color)
    photo.claimed_at = None
    session.flush()
    take(session, report, Role.CREW, Action.FIX, now=now, photo_ids=[photo.id], note=note)
    return photo


def new_key() -> UUID:
    """Give an Idempotency-Key."""
    return uuid4()
