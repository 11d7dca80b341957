"""A row that fails is put off with growing pauses, and the other rows go on: the rule, then each job that keeps it."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import setbacks
from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.media import service as media
from app.media import uploads
from app.media.models import DirectUpload, UploadState
from app.notify import service as notify
from app.notify.models import Contact, Pace, Subscription
from app.notify.service.letters import write_letters
from app.publicmap.models import MapPoint
from app.publicmap.service import fold
from app.reports.service import after_fix
from app.setbacks import Setback
from app.workorders.lifecycle import Action
from app.workorders.models import WorkOrder
from app.workorders.states import State
from tests import make
from tests.faults import failing
from tests.make import NOW

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


def noted(session: Session) -> list[tuple[str, str, int]]:
    session.expire_all()
    return [(each.kind, each.key, each.failures) for each in session.scalars(select(Setback).order_by(Setback.key))]


def test_rows_that_succeed_are_kept_beside_one_that_fails(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = uuid4(), uuid4()

    def act(key: UUID) -> None:
        setbacks.put_off(session, "acted", key, "", now=NOW)
        if key == bad:
            raise LookupError("a fault of ours\nquotes what somebody wrote")

    with caplog.at_level(logging.ERROR):
        done = setbacks.attempt_each(session, "work", {bad: bad, good: good}, act, now=NOW)

    assert done == [good]
    assert set(noted(session)) == {("acted", str(good), 1), ("work", str(bad), 1)}
    assert session.scalars(select(Setback.error).where(Setback.kind == "work")).one() == "LookupError: a fault of ours"
    assert [record.levelname for record in caplog.records if record.message == "row put off"] == ["ERROR"]


def test_a_bad_row_among_many_is_found_by_halves_and_the_others_are_done(session: Session) -> None:
    keys = [uuid4() for _ in range(100)]
    bad = {keys[3], keys[77]}
    done: list[UUID] = []
    calls: list[int] = []

    def act(some: Sequence[UUID]) -> None:
        calls.append(len(some))
        if bad & set(some):
            raise LookupError
        done.extend(some)

    given = setbacks.attempt_all(session, "work", keys, act, now=NOW)

    assert given == done == [key for key in keys if key not in bad]
    assert {key for _, key, _ in noted(session)} == {str(key) for key in bad}
    assert len(calls) < 32


def test_each_failure_doubles_the_pause_up_to_a_day(session: Session) -> None:
    failures = [setbacks.put_off(session, "work", "row", "why", now=NOW) for _ in range(3)]

    assert failures == [1, 2, 3]
    assert session.scalars(select(Setback.next_at)).one() == NOW + 4 * MINUTE
    assert [setbacks.pause(count) for count in (1, 2, 11, 12, 1000)] == [MINUTE, 2 * MINUTE, 1024 * MINUTE, DAY, DAY]


def test_a_row_that_succeeds_at_last_is_noted_no_more(session: Session) -> None:
    key = uuid4()
    setbacks.put_off(session, "work", key, "why", now=NOW)
    setbacks.put_off(session, "other work", key, "why", now=NOW)

    setbacks.attempt_each(session, "work", {key: key}, lambda _: None, now=NOW + MINUTE)

    assert [kind for kind, _, _ in noted(session)] == ["other work"]


def fixed(session: Session, lon: float) -> WorkOrder:
    """Make a repair that silence closes now."""
    report = make.make_report(session, lon=lon, now=NOW - 30 * DAY)
    make.take(session, report, Role.CREW, Action.SIGN, now=NOW - 30 * DAY)
    make.fix(session, report, now=NOW - 30 * DAY)
    work_order = session.scalars(select(WorkOrder).order_by(WorkOrder.id.desc()).limit(1)).one()
    session.execute(update(WorkOrder).where(WorkOrder.id == work_order.id).values(close_at=NOW - DAY))
    session.expire_all()
    return work_order


def test_a_repair_that_cannot_be_closed_keeps_no_other_open(shenzhen: Session) -> None:
    bad, good = fixed(shenzhen, 113.9391), fixed(shenzhen, 113.95)
    shenzhen.execute(update(WorkOrder).where(WorkOrder.id == bad.id).values(close_at=NOW - 2 * DAY))

    with failing(shenzhen, "UPDATE work_orders", bad.id):
        tried = [after_fix.close_silent(shenzhen, city=current_city(shenzhen), now=NOW) for _ in range(2)]
    shenzhen.expire_all()
    states = bad.state, good.state
    after_fix.close_silent(shenzhen, city=current_city(shenzhen), now=NOW + MINUTE)

    assert tried == [2, 0]
    assert states == (State.FIXED, State.CLOSED)
    shenzhen.expire_all()
    assert bad.state is State.CLOSED
    assert noted(shenzhen) == []


def test_a_work_order_that_cannot_be_folded_keeps_no_other_off_the_map(shenzhen: Session) -> None:
    bad, *good = (make.make_work_order(shenzhen, lon=lon) for lon in (113.9391, 113.95, 113.96))

    with failing(shenzhen, "WITH fresh", bad.id):
        counts = [fold(shenzhen, now=NOW) for _ in range(2)]
    shown = set(shenzhen.scalars(select(MapPoint.work_order_id)))
    fold(shenzhen, now=NOW + MINUTE)

    assert [count and count >= len(good) for count in counts] == [True, 0]
    assert shown == {each.id for each in good}
    assert set(shenzhen.scalars(select(MapPoint.work_order_id))) == shown | {bad.id}
    assert noted(shenzhen) == []


def test_a_letter_that_cannot_be_written_keeps_no_other_back(shenzhen: Session) -> None:
    topics = []
    for name in ("one", "two"):
        make.confirm_contact(shenzhen, f"{name}@example.org")
        topics.append(
            notify.follow_topic(
                shenzhen,
                area="440305007",
                item=None,
                pace=Pace.DAILY,
                contact=f"{name}@example.org",
                language="zh",
                now=NOW - 2 * DAY,
            )
        )
    make.make_report(shenzhen, now=NOW - DAY)
    bad, good = topics

    with failing(shenzhen, "UPDATE subscriptions", bad.id):
        tried = [write_letters(shenzhen, city=current_city(shenzhen), now=NOW) for _ in range(2)]

    assert tried == [2, 0]
    assert [(kind, key) for kind, key, _ in noted(shenzhen)] == [("notify.letter", str(bad.id))]
    assert shenzhen.get_one(Subscription, good.id).told_until != shenzhen.get_one(Subscription, bad.id).told_until


def test_an_address_that_cannot_be_erased_keeps_no_other(shenzhen: Session) -> None:
    for name in ("one", "two", "three"):
        make.confirm_contact(shenzhen, f"{name}@example.org", now=NOW - 400 * DAY)
    bad, *good = shenzhen.scalars(select(Contact.id).order_by(Contact.id)).all()

    with failing(shenzhen, "UPDATE contacts", bad):
        erased = [notify.forget(shenzhen, now=NOW, days=90) for _ in range(2)]

    assert erased == [2, 0]
    assert set(shenzhen.scalars(select(Contact.id).where(Contact.erased_at.is_not(None)))) == set(good)


def test_photos_that_cannot_be_forgotten_or_taken_up_keep_no_other(session: Session) -> None:
    announced = uploads.Announced("image/jpeg", 3, "photo 1")
    ids = [uploads.announce(session, announced, now=NOW).photo_id for _ in range(3)]
    bad = ids[0]
    there = {photo_id: {1} for photo_id in ids}

    with failing(session, "UPDATE uploads", bad):
        arrived = [uploads.note_arrivals(session, there, now=NOW) for _ in range(2)]
    session.execute(update(DirectUpload).values(state=UploadState.EXPECTED))
    with failing(session, "UPDATE uploads", bad):
        ended = [uploads.end_awaiting(session, now=NOW + 8 * DAY) for _ in range(2)]
    with failing(session, "DELETE FROM photos", bad):
        forgotten = [media.forget_unclaimed(session, now=NOW + 8 * DAY) for _ in range(2)]

    assert (arrived, ended, forgotten) == ([2, 0], [2, 0], [2, 0])
    assert {key for _, key, _ in noted(session)} == {str(bad)}
