"""Rows that are copied are as rows that are inserted."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.bulk import copy_rows
from app.geo.types import Point
from app.reports.models import PositionSource, Report
from tests.make import NOW

AWKWARD = "a\tb\nc\\N \\. \"quoted\" 'too', 路灯\r\n"


def row(number: str, **over: object) -> dict[str, object]:
    return {
        "id": uuid7(),
        "number": number,
        "idempotency_key": uuid7(),
        "content_digest": b"\x00\\\xff",
        "tracking_digest": number.encode(),
        "description": AWKWARD,
        "language": "zh",
        "channel": "import",
        "item_code": "B0121",
        "position": Point(-71.0661999, 42.355),
        "position_source": PositionSource.SENT,
        "accuracy_m": 0.1,
        "sent": {"address": AWKWARD, "lon": -71.0662, "none": None, "list": []},
        "place": {"code": "x"},
        "filed_at": NOW.astimezone(dt.timezone(dt.timedelta(hours=-4))),
    } | over


def test_a_copied_row_is_the_inserted_one(session: Session) -> None:
    copied, inserted = row("A"), row("B")

    copy_rows(session, Report, [copied])
    session.execute(insert(Report), [inserted])

    own = {"id", "number", "idempotency_key", "tracking_digest"}
    one, other = (
        {column.key: getattr(found, column.key) for column in Report.__mapper__.columns}
        for found in session.scalars(select(Report).order_by(Report.number))
    )
    assert {key for key in one if one[key] != other[key]} == own
    assert {key: one[key] for key in copied} == copied


def test_a_value_that_is_empty_stays_empty_and_no_rows_are_none(session: Session) -> None:
    copy_rows(session, Report, [])
    copy_rows(session, Report, [row("A"), row("B", item_code=None, description="")])

    found = session.execute(select(Report.number, Report.item_code, Report.description).order_by(Report.number)).all()

    assert [tuple(each) for each in found] == [("A", "B0121", AWKWARD), ("B", None, "")]
