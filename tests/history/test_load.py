"""Requests of the past become work orders that are over, or stand open; nobody is told, and no clock runs."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from app.catalogue.city import current_city
from app.dispatch.resolve import find_asset
from app.geo.service import locate
from app.history import spots
from app.history.rows import Request, Unreadable, count_rows, read_rows
from app.history.service import Loader
from app.reports.models import Report
from app.reports.steps import public_steps
from app.workorders.audit import verify
from app.workorders.models import Deadline, WorkOrder
from app.workorders.queries import history
from app.workorders.states import Outcome, State
from app.workorders.timeline import happened_at
from tests.make import NOW

HEADER = "id,item,requested_at,closed_at,due_at,status,lon,lat,address,recorded_area,channel\n"
DONE = (
    "7,street-light-outages,2011-07-01 01:32:33,2011-07-02 09:00:00,2011-07-15 01:32:32,Closed,"
    "-71.0772,42.2715,River St,,Call\n"
)
OPEN = "8,street-light-outages,2011-07-03 10:00:00,,2011-07-17 10:00:00,Open,-71.0772,42.2716,River St,,Call\n"


def write(folder: Path, *rows: str) -> Path:
    path = folder / "history.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "".join(rows)).encode()))
    return path


def load(session: Session, path: Path) -> Loader:
    loader = Loader.begin(session, now=NOW)
    rows = list(read_rows(path, timezone=loader.city.timezone))
    loader.ledger.faults += [row for row in rows if isinstance(row, Unreadable)]
    loader.load(session, [row for row in rows if isinstance(row, Request)])
    return loader


def test_a_closed_request_is_a_closed_work_order_whose_repair_nobody_proved(boston: Session, tmp_path: Path) -> None:
    loader = load(boston, write(tmp_path, DONE))

    assert (loader.ledger.loaded, loader.ledger.faults) == (1, [])
    (work_order,) = boston.scalars(select(WorkOrder)).all()
    assert (work_order.state, work_order.outcome, work_order.fixed_at) == (State.CLOSED, Outcome.UNKNOWN, None)
    assert work_order.opened_at.isoformat() == "2011-07-01T05:32:33+00:00"
    assert work_order.closed_at is not None
    assert work_order.closed_at.isoformat() == "2011-07-02T13:00:00+00:00"
    assert work_order.street == "ward-18"
    assert work_order.lead_unit == "bos-pwdx"
    report = boston.scalars(select(Report)).one()
    assert (report.number, report.sent["address"], report.channel) == ("BOS-7", "River St", "import")


def test_an_open_request_stays_open_without_clocks_and_without_messages(boston: Session, tmp_path: Path) -> None:
    jobs = text("SELECT count(*) FROM procrastinate_jobs")
    before = boston.scalar(jobs)

    load(boston, write(tmp_path, OPEN))

    (work_order,) = boston.scalars(select(WorkOrder)).all()
    assert work_order.state is State.DISPATCHED
    assert boston.scalar(select(func.count()).select_from(Deadline)) == 0
    assert boston.scalar(jobs) == before


def test_its_history_tells_of_then_and_is_whole(boston: Session, tmp_path: Path) -> None:
    load(boston, write(tmp_path, DONE, OPEN))

    assert verify(boston, now=NOW).first is None
    closed = boston.scalars(select(WorkOrder).where(WorkOrder.state == State.CLOSED)).one()
    lines = history(boston, closed.id, public_only=True)
    assert [(line.kind.value, line.at) for line in lines] == [("received", NOW), ("closed", NOW)]
    assert [happened_at(line) for line in lines] == [closed.opened_at, closed.closed_at]
    reached = {step.step.value: step.at for step in public_steps(closed.state, lines) if step.at}
    assert reached == {"received": closed.opened_at, "closed": closed.closed_at}


def test_loaded_again_it_adds_what_is_new(boston: Session, tmp_path: Path) -> None:
    load(boston, write(tmp_path, DONE))

    again = load(boston, write(tmp_path, DONE, OPEN))

    assert (again.ledger.loaded, again.ledger.known) == (1, 1)
    assert boston.scalar(select(func.count()).select_from(WorkOrder)) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (DONE.replace("street-light-outages", "unicorns"), "item: unicorns is not known"),
        (DONE.replace("-71.0772", "71.0772"), "outside the city"),
        (DONE.replace("42.2715", "north"), "lat: 'north' is no number of degrees"),
        (DONE.replace("42.2715", "nan"), "lat: nan does not lie between"),
        (DONE.replace("2011-07-01 01:32:33", "yesterday"), "requested_at: 'yesterday' is no time such as"),
        (DONE.replace("2011-07-02 09", "2010-07-02 09"), "closed_at: it lies before requested_at"),
        ("9,,,,,,,,,,\n", "item, requested_at, status, lon, lat: nothing is there"),
        ("9\n", "nothing is there"),
    ],
    ids=["item", "place", "latitude", "nan", "time", "order", "empty", "short"],
)
def test_a_bad_row_is_told_with_its_line_and_the_others_are_loaded(
    boston: Session, tmp_path: Path, row: str, said: str
) -> None:
    loader = load(boston, write(tmp_path, row, OPEN))

    (fault,) = loader.ledger.faults
    assert fault.line == 2
    assert said in str(fault)
    assert loader.ledger.loaded == 1


PARKS = "park-maintenance-requests"


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """Keep the statements that are sent meanwhile."""
    sent: list[str] = []

    def keep(*given: Any) -> None:
        sent.append(given[2])

    event.listen(session.connection(), "before_cursor_execute", keep)
    yield sent
    event.remove(session.connection(), "before_cursor_execute", keep)


def some(number: int, mark: str = "") -> list[str]:
    """Give rows of lights and of parks at so many spots, a lawn in the middle of Boston and what is around it."""
    return [
        f"{mark}{n}{item},{item},2011-07-01 01:32:33,,,Open,{-71.0662 + n % number / 5000:.4f},42.3550,,,Call\n"
        for n in range(2 * number)
        for item in ("street-light-outages", PARKS)
    ]


def test_a_batch_takes_no_more_statements_than_a_row(boston: Session, tmp_path: Path) -> None:
    taken = []
    for number in (1, 40):
        with counted(boston) as sent:
            load(boston, write(tmp_path, *some(number, mark=f"of {number}: ")))
        taken.append(len(sent))

    assert 0 < taken[1] <= taken[0]


def test_a_spot_is_looked_up_once(boston: Session, tmp_path: Path) -> None:
    loader = load(boston, write(tmp_path, *some(5)))
    again = read_rows(write(tmp_path, *some(5, mark="again ")), timezone=loader.city.timezone)

    with counted(boston) as sent:
        loader.load(boston, [row for row in again if isinstance(row, Request)])

    assert (loader.ledger.loaded, len(loader.spots.places)) == (40, 5)
    assert not [each for each in sent if "ST_" in each]


def test_it_finds_what_a_new_report_would_find(
    boston: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It forgets after every batch.
    monkeypatch.setattr(spots, "MOST", 0)
    loader = load(boston, write(tmp_path, *some(40)))

    found = boston.scalars(select(WorkOrder)).all()

    assert len(found) == loader.ledger.loaded == 160
    for each in found:
        place = locate(boston, each.position, nearest_limit_m=loader.city.nearest_street_limit_m)
        asset = find_asset(boston, loader.items[each.item_code], place, city=loader.city)
        assert (each.street, each.asset_id) == (place.street.code, asset.asset.id if asset else None)
    assert {each.asset_id is None for each in found} == {True, False}


def test_the_whole_of_boston_is_read(shared: Path, boston: Session) -> None:
    path = shared / "cities" / "boston" / "history.csv.gz"
    rows = list(read_rows(path, timezone=current_city(boston).timezone))

    assert len(rows) == count_rows(path) == 29366
    assert not [row for row in rows if isinstance(row, Unreadable)]
