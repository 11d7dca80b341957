from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import db
from app.config import Settings
from app.dispatch.service import lead_assignment
from app.errors import Problem
from app.geo.datums import Datum, from_wgs84
from app.geo.errors import OutsideCity
from app.geo.types import Point
from app.media import service as media
from app.notify.models import Contact, Subscription
from app.reports.errors import KeyReused, NoPosition, NothingSaid, NotTheSame, SameAsClosed
from app.reports.joining import CELL_DEGREES
from app.reports.models import How, PositionSource, Report, ReportLink
from app.reports.service import NewReport, file_report, show
from app.workorders.models import DeadlineKind, EventKind, TimelineEvent, WorkOrder
from app.workorders.queries import deadlines, history
from app.workorders.states import State, Step
from tests.make import NOW, YUEHAI, make_photo, make_report, make_work_order, new_key


def accept(*files: bytes) -> tuple[media.Accepted, ...]:
    return media.accept(media.current(), [media.Upload(f"photo-{n}.jpg", data) for n, data in enumerate(files)])


def test_a_report_becomes_a_work_order_at_the_right_office_with_its_clocks(shenzhen: Session) -> None:
    report = make_report(shenzhen)

    found = show(shenzhen, report)
    assert report.number.startswith("SZ-20261123-")
    assert report.place["street"]["name_zh"] == "粤海街道"
    assert report.place["district"]["name_zh"] == "南山区"
    assert found.unit is not None
    assert found.unit.code == "sz-street_lighting"
    assert found.work_order.state is State.DISPATCHED
    assert [event.kind for event in found.events] == [EventKind.RECEIVED, EventKind.DISPATCHED]
    assert [step.step for step in found.steps if step.progress == "current"] == [Step.DISPATCHED]
    clocks = {clock.kind: clock.due_at for clock in deadlines(shenzhen, found.work_order.id)}
    assert clocks[DeadlineKind.SIGN_FOR] == NOW + dt.timedelta(minutes=120)
    # One working day from Monday 10:00 in Shenzhen is Tuesday 10:00.
    assert clocks[DeadlineKind.HANDLING] == found.work_order.due_at == NOW + dt.timedelta(days=1)


def test_the_assignment_explains_itself(shenzhen: Session) -> None:
    work_order = make_work_order(shenzhen)

    lead = lead_assignment(shenzhen, work_order)
    assert lead is not None
    assert lead.explanation["basis"] == "role"
    assert lead.explanation["areas"] == ["440305007", "440305", "440300"]
    assert lead.explanation["version"] == 1
    assert [other["basis"] for other in lead.explanation["not_chosen"]] == ["fallback"]


def test_without_a_position_the_first_photo_says_where(shenzhen: Session, shared: Path) -> None:
    photo = (shared / "data/photos/sz_yuehai_SYNTHETIC_GPS.jpg").read_bytes()

    report = make_report(shenzhen, lon=None, lat=None, item=None, photos=accept(make_photo(), photo))

    assert report.place["street"]["name_zh"] == "粤海街道"
    assert report.position_source is PositionSource.PHOTO


def test_without_any_position_it_says_so(shenzhen: Session) -> None:
    with pytest.raises(NoPosition):
        make_report(shenzhen, lon=None, lat=None, photos=accept(make_photo()))


def test_a_report_that_says_nothing_is_refused(shenzhen: Session) -> None:
    with pytest.raises(NothingSaid):
        make_report(shenzhen, item=None, description="")


def test_a_photo_taken_far_away_is_kept_and_flagged(shenzhen: Session, shared: Path) -> None:
    photo = (shared / "data/photos/sz_dapeng_SYNTHETIC_GPS.jpg").read_bytes()

    work_order = make_work_order(shenzhen, photos=accept(photo))

    assert work_order.flags == ["photo_far_from_position"]
    assert work_order.street == "440305007"


def test_outside_the_city_the_nearest_area_is_named_and_nothing_is_kept(shenzhen: Session, shared: Path) -> None:
    photo = (shared / "data/photos/sz_sea_mirsbay_SYNTHETIC_GPS.jpg").read_bytes()

    with pytest.raises(OutsideCity) as refusal, shenzhen.begin_nested():
        make_report(shenzhen, lon=None, lat=None, photos=accept(photo))

    assert "街道" in refusal.value.detail
    assert shenzhen.scalar(select(func.count()).select_from(Report)) == 0


def test_a_gcj02_position_lands_in_the_same_street(shenzhen: Session) -> None:
    lon, lat = from_wgs84(Point(*YUEHAI), Datum.GCJ02)

    report = make_report(shenzhen, lon=lon, lat=lat, datum=Datum.GCJ02)

    assert report.position.distance_m(Point(*YUEHAI)) < 0.01
    assert report.sent == {"lon": lon, "lat": lat, "datum": "gcj02"}


def test_the_same_key_and_content_is_the_same_report(shenzhen: Session) -> None:
    key, photo = new_key(), make_photo("red")

    first = make_report(shenzhen, idempotency_key=key, photos=accept(photo))
    again = make_report(shenzhen, idempotency_key=key, photos=accept(photo))

    assert again.id == first.id
    assert shenzhen.scalar(select(func.count()).select_from(Report)) == 1


@pytest.mark.parametrize(
    "over", [{"description": "other"}, {"lon": 113.94}, {"item": None}, {"contact": "a@example.org"}]
)
def test_the_same_key_with_other_content_is_refused(shenzhen: Session, over: dict[str, Any]) -> None:
    key = new_key()
    make_report(shenzhen, idempotency_key=key)

    with pytest.raises(KeyReused):
        make_report(shenzhen, idempotency_key=key, **over)


def test_other_photos_under_the_same_key_are_refused(shenzhen: Session) -> None:
    key = new_key()
    make_report(shenzhen, idempotency_key=key, photos=accept(make_photo("red")))

    with pytest.raises(KeyReused):
        make_report(shenzhen, idempotency_key=key, photos=accept(make_photo("blue")))


AUTO = "B0120"  # a utility pole: joins by itself within 20 m and 60 days


def moved(metres: float) -> dict[str, Any]:
    return {"lon": YUEHAI[0], "lat": YUEHAI[1] + metres / 110_700}


def test_an_auto_item_joins_within_its_radius_and_not_beyond(shenzhen: Session) -> None:
    first = make_work_order(shenzhen, item=AUTO)

    near = make_work_order(shenzhen, item=AUTO, **moved(15))
    far = make_work_order(shenzhen, item=AUTO, **moved(80))

    assert near.id == first.id
    assert near.reports == 2
    assert far.id != first.id
    kinds = [event.kind for event in history(shenzhen, first.id, public_only=True)]
    assert kinds == [EventKind.RECEIVED, EventKind.DISPATCHED, EventKind.JOINED]


def test_a_poor_accuracy_widens_the_radius_up_to_the_cap(shenzhen: Session) -> None:
    first = make_work_order(shenzhen, item=AUTO)

    wide = make_work_order(shenzhen, item=AUTO, accuracy=1000, **moved(45))
    beyond = make_work_order(shenzhen, item=AUTO, accuracy=1000, **moved(120))

    assert wide.id == first.id
    assert beyond.id != first.id


def test_another_item_a_closed_one_and_an_old_one_are_not_joined(shenzhen: Session) -> None:
    first = make_work_order(shenzhen, item=AUTO)
    first.state = State.CLOSED
    shenzhen.flush()

    second = make_work_order(shenzhen, item=AUTO)
    other = make_work_order(shenzhen, item="B0401")
    late = make_work_order(shenzhen, item=AUTO, now=NOW + dt.timedelta(days=61))

    assert len({first.id, second.id, other.id, late.id}) == 4


def test_a_suggest_item_opens_its_own_unless_the_resident_says_same(shenzhen: Session) -> None:
    first = make_work_order(shenzhen, item="B0220")

    own = make_work_order(shenzhen, item="B0220")
    same = make_report(shenzhen, item="B0220", same_as=first.public_id.lower())

    assert own.id != first.id
    link = shenzhen.get_one(ReportLink, same.id)
    assert (link.work_order_id, link.how) == (first.id, How.SAME_AS)


def test_same_must_be_known_near_public_and_open(shenzhen: Session) -> None:
    there = make_work_order(shenzhen, item="B0220")
    sensitive = make_work_order(shenzhen, item="S0408")

    with pytest.raises(NotTheSame, match="public"):
        make_report(shenzhen, same_as="0123456789")
    with pytest.raises(NotTheSame, match="public"):
        make_report(shenzhen, item="S0408", same_as=sensitive.public_id)
    with pytest.raises(NotTheSame, match="away"):
        make_report(shenzhen, same_as=there.public_id, **moved(600))
    there.state = State.CLOSED
    shenzhen.flush()
    with pytest.raises(SameAsClosed):
        make_report(shenzhen, same_as=there.public_id)


def test_the_contact_is_stored_apart_and_encrypted(shenzhen: Session) -> None:
    report = make_report(shenzhen, contact="resident@example.org")

    held = select(Contact).join(Subscription).where(Subscription.subscriber == report.id)
    assert b"resident" not in shenzhen.scalars(held).one().address
    assert "resident@" not in str([vars(event) for event in shenzhen.scalars(select(TimelineEvent))])


def test_an_unusable_contact_is_refused(shenzhen: Session) -> None:
    with pytest.raises(Problem):
        make_report(shenzhen, contact="not an address")


@pytest.mark.parametrize("step", [(0.0, 0.0), (8e-5, 0.0), (0.0, 8e-5)], ids=["one cell", "two columns", "two rows"])
def test_twenty_phones_in_the_same_second_open_one_work_order(committed: Settings, step: tuple[float, float]) -> None:
    # On a corner of the grid of locks, so that the phones of the second half lie in another cell.
    corner = (round(YUEHAI[0] / CELL_DEGREES) * CELL_DEGREES, round(YUEHAI[1] / CELL_DEGREES) * CELL_DEGREES)
    gate = threading.Barrier(20)

    def one(number: int) -> None:
        lon, lat = (corner[axis] + (1 if number % 2 else -1) * step[axis] for axis in (0, 1))
        new = NewReport(lon=lon, lat=lat, item=AUTO, language="zh", description=f"phone {number}")
        gate.wait()
        with db.Session.begin() as session:
            file_report(session, new, now=NOW)

    with ThreadPoolExecutor(20) as pool:
        for each in [pool.submit(one, number) for number in range(20)]:
            each.result()

    with db.Reading() as session:
        assert session.scalar(select(func.count()).select_from(WorkOrder)) == 1
        work_order = session.scalars(select(WorkOrder)).one()
        events = history(session, work_order.id, public_only=False)
    assert work_order.reports == 20
    assert [event.number for event in events] == list(range(1, 22))


def test_one_key_sent_by_ten_threads_files_once(committed: Settings) -> None:
    key, gate = new_key(), threading.Barrier(10)

    def one() -> str:
        gate.wait()
        with db.Session.begin() as session:
            return make_report(session, idempotency_key=key).number

    with ThreadPoolExecutor(10) as pool:
        numbers = {each.result() for each in [pool.submit(one) for _ in range(10)]}

    assert len(numbers) == 1
