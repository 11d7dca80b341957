"""A reload that renames, merges or drops streets, units and items: nothing open is left behind unseen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.catalogue.models import PackVersion
from app.db import utcnow
from app.dispatch.case import Asked
from app.dispatch.models import Assignment
from app.fieldwork.service import Brought, take_step
from app.notify.models import Delivery, Pace, Subscription
from app.notify.queries import read_letter
from app.notify.service import follow_topic
from app.notify.service.letters import write_letters
from app.notify.texts import render
from app.publicmap.service import fold
from app.rehome import service
from app.reports.models import Report
from app.reports.service import after_fix, show
from app.workorders.clocks import running
from app.workorders.lifecycle import Action
from app.workorders.models import DeadlineKind, TimelineEvent, TimelinePayload, WorkOrder
from app.workorders.states import EventKind, State
from tests.catalogue.town import write_town
from tests.make import NOW, confirm_contact, make_person, make_report

WEST_SIDE, EAST_SIDE = {"lon": -6.28, "lat": 53.31}, {"lon": -6.22, "lat": 53.31}
WEST_RING = "[[[-6.30,53.30],[-6.25,53.30],[-6.25,53.35],[-6.30,53.35],[-6.30,53.30]]]"
BOTH_RING = "[[[-6.30,53.30],[-6.20,53.30],[-6.20,53.35],[-6.30,53.35],[-6.30,53.30]]]"
EAST_RING = "[[[-6.25,53.30],[-6.20,53.30],[-6.20,53.35],[-6.25,53.35],[-6.25,53.30]]]"

Load = Callable[..., Result]
Edit = Callable[[dict[str, str]], None]


@pytest.fixture
def load(app: Flask, session: Session, tmp_path: Path) -> Load:
    """Load the town of the documentation, and later its folder as ``edit`` changes it."""
    folder = write_town(tmp_path / "town")
    runner = app.test_cli_runner()

    def run(edit: Edit | None = None, *options: str) -> Result:
        if edit is not None:
            files = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
            edit(files)
            for name, content in files.items():
                (folder / name).write_text(content, encoding="utf-8")
        session.flush()
        result = runner.invoke(args=["city", "load", str(folder), *options])
        session.expire_all()
        return result

    assert run().exit_code == 0
    return run


def rename_street(files: dict[str, str]) -> None:
    """The west side becomes Northside with an office of its own name."""
    files["areas.street.geojson"] = files["areas.street.geojson"].replace('"west"', '"north"').replace("West", "North")
    files["units.csv"] = (
        files["units.csv"].replace("west-office,,West", "north-office,,North").replace(",west", ",north")
    )
    files["assets.park.geojson"] = files["assets.park.geojson"].replace("west-office", "north-office")


def merge_streets(files: dict[str, str]) -> None:
    """The east side takes the west side in, whose office goes."""
    lines = files["areas.street.geojson"].splitlines()
    kept = [line for line in lines if '"west"' not in line]
    files["areas.street.geojson"] = "\n".join(kept).replace(EAST_RING, BOTH_RING)
    files["units.csv"] = drop(files["units.csv"], "west-office")
    files["assets.park.geojson"] = files["assets.park.geojson"].replace("west-office", "east-office")


def drop_works(files: dict[str, str]) -> None:
    """Public Works goes: the street offices take lamps."""
    files["units.csv"] = drop(files["units.csv"], "works")


def drop_lamp(files: dict[str, str]) -> None:
    """The catalogue has no lamps any more."""
    files["catalogue.csv"] = drop(files["catalogue.csv"], "lamp")
    files["responsibilities.csv"] = drop(files["responsibilities.csv"], "lamp")


def drop(table: str, code: str) -> str:
    return "".join(line for line in table.splitlines(keepends=True) if not line.startswith(f"{code},"))


def file(session: Session, **over: Any) -> Report:
    return make_report(session, **({"language": "en", "item": "other"} | WEST_SIDE | over))


def order_of(session: Session, report: Report) -> WorkOrder:
    return show(session, report).work_order


def last_line(session: Session, work_order: WorkOrder) -> tuple[EventKind, dict[str, Any]]:
    statement = (
        select(TimelineEvent.kind, TimelinePayload.content)
        .join(TimelinePayload, TimelinePayload.event_id == TimelineEvent.id)
        .where(TimelineEvent.work_order_id == work_order.id)
        .order_by(TimelineEvent.number.desc())
        .limit(1)
    )
    kind, content = session.execute(statement).one()
    return kind, content


def step(session: Session, report: Report, role: Role, action: Action, **asked: Any) -> None:
    """Take a step as a person of the town who acts for all units."""
    by, _ = make_person(session, role, area="town")
    take_step(
        session, order_of(session, report).public_id, Asked(action=action, **asked), brought=Brought(), by=by, now=NOW
    )
    session.flush()


def test_a_load_that_drops_what_is_used_is_refused_and_names_it(session: Session, load: Load) -> None:
    file(session)
    make_person(session, Role.CREW, unit="west-office", area="west")
    follow(session, area="west")

    result = load(rename_street)

    assert result.exit_code == 1
    assert (
        "This pack drops: area west (West Side): 1 open work orders, 1 followers, 1 accounts (Made-up crew"
        in result.output
    )
    assert "its successor is north" in result.output
    assert "This pack drops: unit west-office (West Side Office): 1 open work orders, 1 accounts" in result.output
    assert "--rehome" in result.output
    assert session.scalar(select(func.count()).select_from(PackVersion)) == 1


def test_a_load_that_drops_what_nobody_uses_goes_through(session: Session, load: Load) -> None:
    file(session, **EAST_SIDE)

    result = load(rename_street)

    assert result.exit_code == 0
    assert "This pack drops" not in result.output


def test_a_dry_run_names_it_and_changes_nothing(session: Session, load: Load) -> None:
    work_order = order_of(session, file(session))

    result = load(rename_street, "--dry-run")

    assert result.exit_code == 0
    assert "This pack drops: area west (West Side): 1 open work orders" in result.output
    assert "nothing was loaded" in result.output
    assert (work_order.street, session.scalar(select(func.count()).select_from(PackVersion))) == ("west", 1)


def test_keep_leaves_it_and_the_map_still_filters_by_the_street(session: Session, load: Load, app: Flask) -> None:
    report = file(session)
    fold(session, now=NOW)

    result = load(rename_street, "--keep")

    assert result.exit_code == 0
    client = app.test_client()
    assert 'value="west"' in client.get("/map?lang=en").text
    assert "West Side" in client.get("/api/v1/public/work-orders?street=west").text
    step(session, report, Role.DISPATCHER, Action.DECLINE, reason="not_found")
    assert 'value="west"' not in client.get("/map?lang=en").text


def test_a_later_load_is_not_refused_for_what_was_kept_before(session: Session, load: Load) -> None:
    file(session)
    load(rename_street, "--keep")

    result = load(lambda files: files.update({"calendar.csv": "date,working,note\n2027-05-05,no,\n"}))

    assert result.exit_code == 0
    assert "Dropped before: area west" in result.output


@pytest.mark.parametrize("edit", [rename_street, merge_streets])
def test_rehome_dispatches_what_has_no_unit_any_more(session: Session, load: Load, edit: Edit) -> None:
    street, unit = ("north", "north-office") if edit is rename_street else ("east", "east-office")
    work_order = order_of(session, file(session))
    due_at = work_order.due_at

    result = load(edit, "--rehome")

    assert result.exit_code == 0, result.output
    assert "Rehomed: 1 open work orders" in result.output
    assert (work_order.street, work_order.lead_unit, work_order.state) == (street, unit, State.DISPATCHED)
    kind, content = last_line(session, work_order)
    assert (kind, content["unit"]["code"], content["from"]) == (EventKind.TRANSFERRED, unit, "west-office")
    assert content["reason"] == "The lists of the city changed"
    signs = running(session, work_order, DeadlineKind.SIGN_FOR)
    assert [clock.unit for clock in signs] == [unit]
    assert work_order.due_at == due_at, "the promise to the resident stands"


def test_rehome_moves_work_in_every_open_state(session: Session, load: Load) -> None:
    reports = [file(session, lat=53.302 + 0.004 * place) for place in range(4)]
    working, held, disputed, done = reports
    for report in (working, held, done):
        step(session, report, Role.CREW, Action.SIGN)
    until = NOW + dt.timedelta(days=9)
    step(session, held, Role.UNIT_MANAGER, Action.HOLD, note="Frost", reference="Order 1", until=until)
    step(session, disputed, Role.UNIT_MANAGER, Action.REFUSE, note="Not ours", reference="List 1")
    step(session, done, Role.CREW, Action.FIX, note="Done")

    result = load(rename_street, "--rehome")

    found = {report.id: order_of(session, report) for report in reports}
    assert {order.street for order in found.values()} == {"north"}
    assert [(found[report.id].state, found[report.id].lead_unit) for report in reports] == [
        (State.DISPATCHED, "north-office"),
        (State.DISPATCHED, "north-office"),
        (State.DISPUTED, "west-office"),
        (State.FIXED, "north-office"),
    ]
    assert found[held.id].hold_until is None
    handling = running(session, found[held.id], DeadlineKind.HANDLING)
    assert [clock.paused_at for clock in handling] == [None], "the handling clock goes on"
    assert "Still left behind: unit west-office" in result.output, "a dispute waits for its ruling"


def test_a_unit_that_is_still_there_keeps_its_work(session: Session, load: Load) -> None:
    lamp = order_of(session, file(session, item="lamp"))
    assert lamp.lead_unit == "works"

    load(rename_street, "--rehome")

    assert (lamp.street, lamp.lead_unit, lamp.state) == ("north", "works", State.DISPATCHED)
    assert last_line(session, lamp)[0] is EventKind.CHANGED


def test_a_dropped_unit_gives_its_work_to_who_is_responsible_now_and_its_accounts_are_named(
    session: Session, load: Load
) -> None:
    lamp = order_of(session, file(session, item="lamp"))
    make_person(session, Role.CREW, unit="works", area="town")

    result = load(drop_works, "--rehome")

    assert lamp.lead_unit == "west-office"
    assert "Still left behind: unit works (Public Works): 1 accounts (Made-up crew" in result.output


def test_a_named_successor_takes_the_work_of_a_unit_and_of_a_co_unit(session: Session, load: Load) -> None:
    lamp = file(session, item="lamp")
    other = file(session)
    step(session, other, Role.DISPATCHER, Action.INVOLVE, unit="works", note="Lift")

    result = load(drop_works, "--rehome", "--moved", "works=centre")

    assert result.exit_code == 0, result.output
    assert order_of(session, lamp).lead_unit == "centre"
    assert order_of(session, other).co_units == ["centre"]
    parts = select(Assignment.unit_code).where(
        Assignment.work_order_id == order_of(session, other).id, Assignment.ended_at.is_(None)
    )
    assert set(session.scalars(parts)) == {"west-office", "centre"}


@pytest.mark.parametrize(("moved", "item"), [((), "other"), (("--moved", "lamp=bench"), "bench")])
def test_work_of_a_dropped_item_gets_its_successor_or_the_fallback_item(
    session: Session, load: Load, moved: tuple[str, ...], item: str
) -> None:
    lamp = order_of(session, file(session, item="lamp"))

    result = load(drop_lamp, "--rehome", *moved)

    assert result.exit_code == 0, result.output
    assert (lamp.item_code, lamp.lead_unit) == (item, "works")
    assert last_line(session, lamp)[1]["before"]["item"] == "lamp"


@pytest.mark.parametrize("moved", ["works=nobody", "east=north", "works", "=works"])
def test_a_successor_that_cannot_be_is_refused(session: Session, load: Load, moved: str) -> None:
    file(session, item="lamp")

    result = load(drop_works, "--rehome", "--moved", moved)

    assert result.exit_code != 0
    assert moved.partition("=")[0] in result.output
    assert session.scalar(select(func.count()).select_from(PackVersion)) == 1


def follow(session: Session, *, area: str | None = None, item: str | None = None) -> Subscription:
    confirm_contact(session, "neighbour@example.org")
    return follow_topic(
        session, area=area, item=item, pace=Pace.DAILY, contact="neighbour@example.org", language="en", now=NOW
    )


def letter_of(session: Session) -> str:
    """Write the letters of the next morning, and give the one that there is."""
    write_letters(session, city=current_city(session), now=utcnow() + dt.timedelta(days=1))
    delivery = session.scalars(select(Delivery).where(Delivery.until.is_not(None))).one()
    subscription = session.get_one(Subscription, delivery.subscription_id)
    text = render(read_letter(session, delivery, subscription))
    return f"{text.subject}\n{text.text}"


def test_followers_of_a_street_follow_its_successor_and_are_told_without_other_news(
    session: Session, load: Load
) -> None:
    subscription = follow(session, area="west")

    result = load(rename_street, "--rehome")

    assert "1 followers" in result.output
    assert subscription.area == "north"
    assert "West Side is now North Side" in letter_of(session)


def test_who_follows_both_of_two_merged_streets_hears_once(session: Session, load: Load) -> None:
    gone, kept = follow(session, area="west"), follow(session, area="east")

    load(merge_streets, "--rehome")

    assert (gone.ended_at is not None, kept.ended_at) == (True, None)
    assert "West Side is now East Side" in letter_of(session)


def test_followers_of_an_item_without_a_successor_are_told_that_nothing_more_comes(
    session: Session, load: Load
) -> None:
    follow(session, item="lamp")

    refused = load(drop_lamp)
    done = load(None, "--rehome")

    assert "item lamp (Street light is out): 1 followers" in refused.output
    assert "Still left behind" not in done.output
    assert "took Street light is out off its lists" in letter_of(session)


def test_an_interrupted_move_goes_on_when_the_load_is_repeated(session: Session, load: Load) -> None:
    orders = [order_of(session, file(session, lat=53.302 + 0.004 * place)) for place in range(3)]
    load(rename_street, "--keep")
    assert service.rehome_work(session, [orders[0].id], {}, now=utcnow()) == []
    lines = orders[0].events

    result = load(None, "--rehome")

    assert "Nothing changed" in result.output
    assert "Rehomed: 2 open work orders" in result.output
    assert {order.lead_unit for order in orders} == {"north-office"}
    assert orders[0].events == lines, "what was moved before is not moved again"


def test_one_that_cannot_be_moved_stays_and_is_named_and_the_others_go_on(session: Session, load: Load) -> None:
    outside = order_of(session, file(session, lon=-6.298, lat=53.349))
    inside = order_of(session, file(session, lon=-6.252, lat=53.301))

    def shrink(files: dict[str, str]) -> None:
        rename_street(files)
        files["areas.street.geojson"] = files["areas.street.geojson"].replace("-6.30,", "-6.28,")

    result = load(shrink, "--rehome")

    assert (outside.street, inside.street) == ("west", "north")
    assert f"Work order {outside.public_id} stays as it is: The position lies outside the city" in result.output
    assert "Rehomed: 1 open work orders" in result.output


def test_work_that_comes_back_goes_to_a_unit_that_there_is(session: Session, load: Load) -> None:
    report = file(session, item="other")
    step(session, report, Role.CREW, Action.SIGN)
    step(session, report, Role.CREW, Action.FIX, note="Done")
    step(session, report, Role.SUPERVISOR, Action.CLOSE)
    load(merge_streets)

    after_fix.object_to(session, report, reason="Still there", brought=Brought(), now=NOW)

    work_order = order_of(session, report)
    assert (work_order.state, work_order.lead_unit) == (State.IN_PROGRESS, "east-office")
