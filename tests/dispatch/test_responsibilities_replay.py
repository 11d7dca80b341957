"""A replay says what a published proposal does: it chooses as a dispatch does."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.accounts.roles import Role
from app.accounts.service import SYSTEM, Person
from app.assets.models import Asset
from app.catalogue.city import current_city
from app.catalogue.models import Item, Origin, Responsibility, Unit
from app.catalogue.queries import list_items
from app.catalogue.service import get_item
from app.dispatch import responsibilities
from app.dispatch.cli import dispatch
from app.dispatch.errors import AlreadyPublished, NotYourList
from app.dispatch.resolve import find_asset, resolve
from app.dispatch.responsibilities import NewRule, Replay
from app.dispatch.rule_models import Proposal
from app.geo.errors import OutsideCity
from app.geo.service import Place, locate
from app.geo.types import Point
from app.workorders.models import WorkOrder
from app.workorders.service import open_work_order
from tests.make import NOW, YUEHAI, make_person

FUTIAN = (114.055, 22.541)
BOSTON = ((-71.19, -70.99), (42.23, 42.40))
SHENZHEN = ((113.75, 114.60), (22.45, 22.86))
TODAY = dt.date(2026, 11, 23)


def rule(unit: str, **over: Any) -> NewRule:
    return NewRule(**{"unit": unit, "valid_from": TODAY, **over})


def somebody(session: Session, role: Role) -> Person:
    return make_person(session, role, area=current_city(session).code)[0]


def propose(session: Session, *add: NewRule, close: Sequence[Any] = ()) -> Proposal:
    by = somebody(session, Role.SUPERVISOR)
    return responsibilities.propose(session, add=add, close=list(close), reason="made up", by=by, now=NOW)


def replay(session: Session, proposal: Proposal, *, last: int = 1000, by: Person = SYSTEM) -> Replay:
    return responsibilities.replay(session, proposal.id, last=last, by=by, now=NOW)


def open_at(session: Session, where: tuple[float, float], item: str) -> WorkOrder:
    city, found = current_city(session), get_item(session, item)
    place = locate(session, Point(*where), nearest_limit_m=city.nearest_street_limit_m)
    asset = find_asset(session, found, place, city=city)
    return open_work_order(session, found, place, asset=asset, flags=[], now=NOW)


def told(found: Replay) -> list[tuple[str, str, int, set[str]]]:
    return [
        (
            way.source.code if way.source else "",
            way.target.code if way.target else "",
            way.count,
            {moved.id for moved in way.work_orders},
        )
        for way in found.ways
    ]


def random_places(session: Session, box: Any, count: int, *, seed: int) -> list[Place]:
    chance, city = random.Random(seed), current_city(session)
    places: list[Place] = []
    while len(places) < count:
        point = Point(chance.uniform(*box[0]), chance.uniform(*box[1]))
        try:
            places.append(locate(session, point, nearest_limit_m=city.nearest_street_limit_m))
        except OutsideCity:
            continue
    return places


def random_rules(session: Session, orders: Sequence[WorkOrder], count: int, *, seed: int) -> list[NewRule]:
    """Make rules that match some of the work orders, whatever they name."""
    chance, city = random.Random(seed), current_city(session)
    units = session.scalars(select(Unit.code).where(Unit.until.is_(None)).order_by(Unit.code)).all()
    owners = {row[0]: row[1] for row in session.execute(select(Asset.id, Asset.owner))}
    roles = {row[0]: row[1] for row in session.execute(select(Item.code, Item.responsible_role))}
    rules: dict[tuple[str, ...], NewRule] = {}
    while len(rules) < count:
        order = chance.choice(orders)
        columns = {
            "item": chance.choice(["", order.item_code]),
            "role": chance.choice(["", "", roles[order.item_code]]),
            "asset_owner": owners.get(order.asset_id, "") if order.asset_id else "",
            "area": chance.choice(["", order.street, order.district or "", city.code]),
        }
        if not any(columns.values()):
            continue
        day = TODAY - dt.timedelta(days=chance.randrange(100))
        new = NewRule(**columns, unit=chance.choice(units), valid_from=day)
        rules.setdefault(new.columns, new)
    return list(rules.values())


@pytest.mark.parametrize("name", ["boston", "shenzhen"])
def test_it_agrees_with_what_dispatch_does_after_publishing(name: str, request: pytest.FixtureRequest) -> None:
    session: Session = request.getfixturevalue(name)
    city, chance = current_city(session), random.Random(1)
    items = list_items(session)
    cases = [(place, chance.choice(items)) for place in random_places(session, globals()[name.upper()], 200, seed=2)]
    found = [(item, place, find_asset(session, item, place, city=city)) for place, item in cases]
    orders = [open_work_order(session, item, place, asset=asset, flags=[], now=NOW) for item, place, asset in found]
    rules = random_rules(session, orders, 60, seed=3)
    for pack in rules[:30]:
        values = pack.row() | {"origin": Origin.PACK, "since": 1, "digest": "made up"}
        session.execute(insert(Responsibility).values(id=uuid7(), **values))

    def units_now() -> list[str]:
        now = current_city(session)
        return [resolve(session, item, place, asset, city=now, on=TODAY).unit.code for item, place, asset in found]

    before = units_now()
    proposal = propose(session, *rules[30:])
    said = replay(session, proposal)
    responsibilities.publish(session, proposal.id, by=somebody(session, Role.ADMIN), now=NOW)
    after = units_now()

    expected: dict[tuple[str, str], set[str]] = {}
    for order, old, new in zip(orders, before, after, strict=True):
        if old != new:
            expected.setdefault((old, new), set()).add(order.public_id)
    assert said.looked_at == 200
    assert said.elsewhere == sum(map(len, expected.values())) > 20
    assert {(source, target): ids for source, target, _, ids in told(said)} == expected


@pytest.fixture
def small(shenzhen: Session) -> list[WorkOrder]:
    """Open two street lights in Yuehai, one in Futian, and a bench in Yuehai, in this order."""
    places = ((YUEHAI, "B0121"), (YUEHAI, "B0121"), (FUTIAN, "B0121"), (YUEHAI, "S0102"))
    return [open_at(shenzhen, where, item) for where, item in places]


def test_it_counts_what_would_go_elsewhere_and_says_why(shenzhen: Session, small: list[WorkOrder]) -> None:
    first, second, _, _ = small
    proposal = propose(shenzhen, rule("sz-gas", item="B0121", area="440305", note="try"))

    found = replay(shenzhen, proposal)

    assert (found.looked_at, found.elsewhere, found.version, found.on) == (4, 2, 1, TODAY)
    assert told(found) == [("sz-street_lighting", "sz-gas", 2, {first.public_id, second.public_id})]
    moved = found.ways[0].work_orders[0]
    assert (moved.item, moved.street) == ("B0121", "440305007")
    assert moved.why["rule"] == {
        "item": "B0121",
        "area": "440305",
        "version": 2,
        "valid_from": "2026-11-23",
        "origin": "ruling",
        "note": "try",
    }
    assert found.changed == []


def test_it_looks_at_the_last_ones_only(shenzhen: Session, small: list[WorkOrder]) -> None:
    found = replay(shenzhen, propose(shenzhen, rule("sz-gas", item="B0121")), last=2)

    assert found.looked_at == 2
    assert told(found) == [("sz-street_lighting", "sz-gas", 1, {small[2].public_id})]


def test_the_most_travelled_way_stands_first(shenzhen: Session, small: list[WorkOrder]) -> None:
    proposal = propose(shenzhen, rule("sz-parks", item="S0102"), rule("sz-gas", item="B0121"))

    assert [(target, count) for _, target, count, _ in told(replay(shenzhen, proposal))] == [
        ("sz-gas", 3),
        ("sz-parks", 1),
    ]


def test_a_rule_of_next_month_is_replayed_as_of_its_first_day(shenzhen: Session, small: list[WorkOrder]) -> None:
    found = replay(shenzhen, propose(shenzhen, rule("sz-gas", item="B0121", valid_from=dt.date(2026, 12, 24))))

    assert (found.on, found.elsewhere) == (dt.date(2026, 12, 24), 3)


def test_a_closed_ruling_gives_the_work_back(shenzhen: Session, small: list[WorkOrder]) -> None:
    supervisor = somebody(shenzhen, Role.SUPERVISOR)
    ruled = responsibilities.publish_rule(
        shenzhen, item="B0121", area="", unit="sz-gas", note="ruled", by=supervisor, now=NOW
    )

    found = replay(shenzhen, propose(shenzhen, close=[ruled.id]))

    assert [way[:3] for way in told(found)] == [("sz-gas", "sz-street_lighting", 3)]


def open_in_a_park(session: Session) -> tuple[WorkOrder, Asset]:
    asset = session.scalars(select(Asset).where(Asset.asset_class == "park", Asset.owner != "").limit(1)).one()
    item, place = list_items(session)[0], random_places(session, BOSTON, 1, seed=1)[0]
    order = open_work_order(session, item, place, asset=None, flags=[], now=NOW)
    order.asset_id = asset.id
    session.flush()
    return order, asset


def give(session: Session, asset: Asset, owner: str) -> None:
    """Let an asset have another owner from the next version of the pack on."""
    asset.until = 1
    columns = {column.name: getattr(asset, column.name) for column in Asset.__table__.columns if column.name != "geom"}
    point = f"SRID=4326;POINT({YUEHAI[0]} {YUEHAI[1]})"
    session.flush()
    session.execute(insert(Asset).values(columns | {"id": uuid7(), "owner": owner, "until": None, "geom": point}))


def another_unit(session: Session, code: str) -> str:
    return session.scalars(select(Unit.code).where(Unit.until.is_(None), Unit.code != code).limit(1)).one()


@pytest.mark.parametrize("until", [None, 1])
def test_the_owner_of_a_work_orders_asset_counts_though_the_asset_be_gone(boston: Session, until: int | None) -> None:
    order, asset = open_in_a_park(boston)
    asset.until = until
    other = another_unit(boston, asset.owner)

    found = replay(boston, propose(boston, rule(other, asset_owner=asset.owner)))

    assert told(found) == [(asset.owner, other, 1, {order.public_id})]


def test_the_owner_of_today_counts(boston: Session) -> None:
    order, asset = open_in_a_park(boston)
    before = asset.owner
    now = another_unit(boston, before)
    give(boston, asset, now)

    found = replay(boston, propose(boston, rule(before, asset_owner=now)))

    assert told(found) == [(now, before, 1, {order.public_id})]


def test_an_owner_that_is_no_unit_leaves_it_to_the_other_rules(boston: Session) -> None:
    order, asset = open_in_a_park(boston)
    give(boston, asset, "somebody")
    unit = another_unit(boston, "")

    found = replay(boston, propose(boston, rule(unit, item=order.item_code)))

    assert [(target, ids) for _, target, _, ids in told(found)] == [(unit, {order.public_id})]


def test_it_sends_the_same_few_statements_for_any_number(shenzhen: Session, small: list[WorkOrder]) -> None:
    proposal = propose(shenzhen, rule("sz-gas", item="B0121"))
    sent: list[str] = []
    bind = shenzhen.connection()

    def count(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(bind, "before_cursor_execute", count)
    numbers = []
    for last in (1, 4):
        sent.clear()
        replay(shenzhen, proposal, last=last)
        numbers.append(len(sent))
    event.remove(bind, "before_cursor_execute", count)

    assert numbers[0] == numbers[1] <= 10


def test_nobody_sees_work_orders_out_of_their_scope(shenzhen: Session, small: list[WorkOrder]) -> None:
    small[0].lead_unit = "sz-parks"
    shenzhen.flush()
    proposal = propose(shenzhen, rule("sz-gas", item="B0121"))

    def looked_at(**scope: Any) -> int:
        return replay(shenzhen, proposal, by=make_person(shenzhen, Role.DISPATCHER, **scope)[0]).looked_at

    assert looked_at() == 4
    assert looked_at(area="440305") == 3
    assert looked_at(area="440305007") == 3
    assert looked_at(unit="sz-parks") == 1
    assert looked_at(unit=None) == 0
    assert looked_at(area=None) == 0


@pytest.mark.parametrize("role", [Role.CREW, Role.UNIT_MANAGER])
def test_it_is_not_for_everybody(shenzhen: Session, role: Role) -> None:
    proposal = propose(shenzhen, rule("sz-gas", item="B0121"))

    with pytest.raises(NotYourList):
        replay(shenzhen, proposal, by=somebody(shenzhen, role))


def test_what_is_published_is_not_replayed(shenzhen: Session) -> None:
    proposal = propose(shenzhen, rule("sz-gas", item="B0121"))
    responsibilities.publish(shenzhen, proposal.id, by=somebody(shenzhen, Role.ADMIN), now=NOW)

    with pytest.raises(AlreadyPublished):
        replay(shenzhen, proposal)


def test_a_stale_proposal_says_so(shenzhen: Session) -> None:
    proposal = propose(shenzhen, rule("sz-gas", item="B0121"))
    by = somebody(shenzhen, Role.ADJUDICATOR)
    responsibilities.publish_rule(shenzhen, item="B0121", area="", unit="sz-parks", note="", by=by, now=NOW)

    assert replay(shenzhen, proposal).changed == [
        "Version 2 has a ruling on item B0121 that the proposal does not know."
    ]


@pytest.fixture
def run(app: Flask) -> Callable[..., str]:
    def run(*words: str) -> str:
        return str(app.test_cli_runner().invoke(dispatch, ["replay", *words]).output)

    return run


def test_the_command_tells_progress_counts_and_examples(
    shenzhen: Session, small: list[WorkOrder], run: Callable[..., str]
) -> None:
    proposal = propose(shenzhen, rule("sz-gas", item="B0121"))

    said = run(str(proposal.id), "--last", "3")

    assert said.startswith("Replaying: 3 of 3 work orders")
    assert said.splitlines()[-2:] == [
        "2 of the last 3 work orders would go elsewhere.",
        f"2 from sz-street_lighting to sz-gas: {small[2].public_id}, {small[1].public_id}",
    ]


def test_the_command_refuses_in_one_line(shenzhen: Session, run: Callable[..., str]) -> None:
    assert run(str(uuid7())).startswith("Error: There is no proposal")
