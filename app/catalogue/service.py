"""Find one item or one unit of the current lists; look at the calendar of the current pack."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.catalogue.adjusted_days import missing_years, reach, say_missing
from app.catalogue.city import current_city
from app.catalogue.errors import UnknownItem
from app.catalogue.models import CalendarWarning, Item, Unit
from app.catalogue.packs import current_version
from app.catalogue.values import Duration


def get_item(session: Session, code: str) -> Item:
    """Give the current item of a code. Raises UnknownItem where there is none."""
    item = session.scalars(select(Item).where(Item.code == code, Item.until.is_(None))).one_or_none()
    if item is None:
        raise UnknownItem(code)
    return item


def find_unit(session: Session, code: str) -> Unit | None:
    """Give the current unit of a code, None where there is none."""
    return session.scalars(select(Unit).where(Unit.code == code, Unit.until.is_(None))).one_or_none()


def note_missing_years(session: Session, *, now: dt.datetime) -> list[str]:
    """Give the warnings of years whose adjusted working days the calendar lacks, and note that they were given.

    A year is given once for the files of a pack. Without a city there is none.
    """
    if current_version(session) is None:
        return []
    city, today = current_city(session), now.date()
    limits = session.execute(select(Item.handle_amount, Item.handle_unit).where(Item.until.is_(None)))
    last = reach((Duration(row.handle_amount, row.handle_unit) for row in limits), today)
    years = missing_years(city.working_calendar, city.calendar, first=today, last=last)
    new = insert(CalendarWarning).on_conflict_do_nothing().returning(CalendarWarning.year)
    rows = [{"digest": city.digest, "year": year, "warned_at": now} for year in years]
    noted = session.scalars(new, rows).all() if rows else []
    return [say_missing(year, city.working_calendar) for year in sorted(noted)]
