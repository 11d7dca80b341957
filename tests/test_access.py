"""Who may call what: tests/access.txt against the application, every route by every role.

To add a route: add its line to tests/access.txt. Where it has an argument in its path that is not in ``World.objects``,
make one for each place there; where it refuses an empty body before it looks at the object, give it one in ``BODIES``.
A line that does not hold is printed as it would have to be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Staff, Token
from app.accounts.roles import STAFF_ROLES, Role, TokenKind
from app.db import utcnow
from app.dispatch.models import Notice, NoticeKind
from app.dispatch.rule_models import Proposal
from app.fieldwork.models import EvidenceCheck
from app.notify import service as notify
from app.notify.keys import seal
from app.notify.models import Delivery, DeliveryState
from app.notify.signing import new_secret
from app.notify.webhook_models import Webhook
from app.reports.models import SampleReason, SpotCheck
from app.workorders.models import Evidence, WorkOrder
from app.workorders.queries import history
from tests.databases import Databases, rolled_back
from tests.make import NOW, YUEHAI, make_after_photo, make_work_order

TABLE = Path(__file__).with_name("access.txt")
ROLES = [role.value for role in STAFF_ROLES]
PUBLIC = "public"
REFUSALS = {401, 403, 404}
LET_IN = "+"


class Place(StrEnum):
    """Where an object lies, seen from who asks for it."""

    OWN = "own unit, own area"
    OTHER_UNIT = "other unit, own area"
    OTHER_AREA = "own unit, other area"


UNITS = {Place.OWN: "sz-street_lighting", Place.OTHER_UNIT: "sz-parks", Place.OTHER_AREA: "sz-street_lighting"}
AREAS = {Place.OWN: "440305", Place.OTHER_UNIT: "440305", Place.OTHER_AREA: "440304"}
POINTS = {Place.OWN: YUEHAI, Place.OTHER_UNIT: YUEHAI, Place.OTHER_AREA: (114.0560, 22.5330)}
ITEMS = {Place.OWN: "B0121", Place.OTHER_UNIT: "B0408", Place.OTHER_AREA: "B0121"}

Marks = tuple[str, ...]
Body = Callable[[Place], dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """A line of the table: for each role three marks, one a place; none for a public route."""

    method: str
    route: str
    cells: dict[str, Marks] | None

    def __str__(self) -> str:
        words = [PUBLIC] if self.cells is None else [_cell(self.cells[role]) for role in ROLES]
        return f"{self.method:6} {self.route:60} " + " ".join(f"{word:13}" for word in words).rstrip()


def _cell(marks: Marks) -> str:
    return marks[0] if len(set(marks)) == 1 else "/".join(marks)


def read_table() -> list[Line]:
    """Read the table; its first line names the roles in the order of the application's."""
    rows = [line.split() for line in TABLE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert rows[0] == ["method", "route", *ROLES]
    return [_line(*row) for row in rows[1:]]


def _line(method: str, route: str, *cells: str) -> Line:
    if cells == (PUBLIC,):
        return Line(method, route, None)
    assert len(cells) == len(ROLES), f"{method} {route} has {len(cells)} cells"
    marks = [tuple(cell.split("/")) for cell in cells]
    return Line(method, route, dict(zip(ROLES, [(mark * 3)[:3] for mark in marks], strict=True)))


LINES = read_table()
OF_STAFF = [line for line in LINES if line.cells is not None]


def _new_account(place: Place) -> dict[str, Any]:
    return {"name": f"New {uuid4()}", "role": "crew", "unit": UNITS[place], "area": AREAS[place]}


def _new_rule(place: Place) -> dict[str, Any]:
    return {"item": ITEMS[place], "area": AREAS[place], "unit": UNITS[place], "valid_from": "2026-11-23", "note": ""}


def _nothing(_: Place) -> dict[str, Any]:
    return {}


# What is sent where an empty object would be refused before the object is looked at.
BODIES: dict[tuple[str, str], Body] = {
    ("POST", "/api/v1/staff"): _new_account,
    ("POST", "/api/v1/machine-keys"): lambda place: _new_account(place) | {"scopes": ["read"]},
    ("PATCH", "/api/v1/staff/<uuid:staff_id>"): lambda _: {"disabled": True},
    ("POST", "/api/v1/work-orders/<public_id>/moves"): lambda _: {"action": "note", "note": "made up"},
    ("POST", "/api/v1/work-orders/<public_id>/merge"): lambda _: {"into": "<public_id>", "note": "made up"},
    ("POST", "/api/v1/work-orders/<public_id>/split"): lambda _: {"reports": ["made up"], "note": "made up"},
    ("POST", "/api/v1/work-orders/<public_id>/unmerge"): lambda _: {"note": "made up"},
    ("POST", "/api/v1/work-orders/<public_id>/description"): lambda _: {"verdict": "hidden"},
    ("POST", "/api/v1/evidence-checks/<uuid:check_id>"): lambda _: {"verdict": "accepted"},
    ("POST", "/api/v1/spot-checks/<uuid:spot_check_id>"): lambda _: {"kind": "call", "passed": True, "note": "made up"},
    ("PUT", "/api/v1/photos/<uuid:photo_id>/masks"): lambda _: {"boxes": []},
    ("POST", "/api/v1/photos/<uuid:photo_id>/hide"): lambda _: {"reason": "made up"},
    ("POST", "/api/v1/webhooks"): lambda _: {"url": "https://made-up.invalid"},
    ("PATCH", "/api/v1/webhooks/<uuid:webhook_id>"): lambda _: {"disabled": True},
    ("POST", "/api/v1/webhooks/<uuid:webhook_id>/replay"): lambda _: {"since": "2026-11-23T00:00:00Z"},
    ("POST", "/api/v1/responsibilities/proposals"): lambda place: {"add": [_new_rule(place)], "reason": "made up"},
}


@dataclass
class World:
    """A person of each role in one unit and area, and an object of each kind in each place."""

    session: Session
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: dict[str, dict[Place, str]] = field(default_factory=dict)

    def make(self) -> None:
        """Make all of it. Names of objects are the names of arguments in routes."""
        for role in STAFF_ROLES:
            _, token = self._make_person(role, Place.OWN)
            self.headers[role.value] = {"Authorization": f"Bearer {token}"}
        orders = {place: make_work_order(self.session, item=ITEMS[place], **_at(place)) for place in Place}
        assert {place: order.lead_unit for place, order in orders.items()} == UNITS
        assert {place: order.district for place, order in orders.items()} == AREAS
        self.objects["check_id"] = {place: self._check(order) for place, order in orders.items()}
        self.objects["spot_check_id"] = {place: self._spot_check(order) for place, order in orders.items()}
        self.objects["photo_id"] = {place: self._photo(order) for place, order in orders.items()}
        self.objects["notice_id"] = {place: self._notice(order) for place, order in orders.items()}
        self.objects["delivery_id"] = {place: self._delivery(order) for place, order in orders.items()}
        self.objects["proposal_id"] = {place: self._proposal(place) for place in Place}
        people = {place: self._make_person(Role.CREW, place)[0] for place in Place}
        self.objects["webhook_id"] = {place: self._webhook(staff) for place, staff in people.items()}
        self.objects["public_id"] = {place: order.public_id for place, order in orders.items()}
        self.objects["staff_id"] = {place: str(staff.id) for place, staff in people.items()}
        self.objects["token_id"] = {place: str(self._token_of(staff)) for place, staff in people.items()}

    def _add(self, row: Any) -> str:
        self.session.add(row)
        self.session.flush()
        return str(row.id)

    def _check(self, order: WorkOrder) -> str:
        event = history(self.session, order.id, public_only=False)[0]
        return self._add(
            EvidenceCheck(
                work_order_id=order.id, event_id=event.id, unit=order.lead_unit, findings=[], failed=True, at=NOW
            )
        )

    def _spot_check(self, order: WorkOrder) -> str:
        reason = SampleReason.SAMPLE
        return self._add(SpotCheck(work_order_id=order.id, round=0, unit=order.lead_unit, reason=reason, at=NOW))

    def _photo(self, order: WorkOrder) -> str:
        photo, event = make_after_photo(self.session), history(self.session, order.id, public_only=False)[0]
        self.session.add(Evidence(event_id=event.id, photo_id=photo.id, work_order_id=order.id, after=True))
        self.session.flush()
        return str(photo.id)

    def _notice(self, order: WorkOrder) -> str:
        kind = NoticeKind.REWORK
        return self._add(Notice(unit=order.lead_unit, work_order_id=order.id, level=0, kind=kind, at=NOW))

    def _delivery(self, order: WorkOrder) -> str:
        event = history(self.session, order.id, public_only=True)[0]
        address = f"{order.public_id}@example.org"
        subscription = notify.subscribe(
            self.session, order, subscriber=uuid4(), about={}, contact=address, language="en", now=NOW
        )
        of_step = {"contact_id": subscription.contact_id, "subscription_id": subscription.id, "event_id": event.id}
        return self._add(Delivery(**of_step, state=DeliveryState.FAILED, created_at=NOW))

    def _proposal(self, place: Place) -> str:
        rule, by = _new_rule(place), "dispatcher:made-up"
        return self._add(
            Proposal(state="draft", reason="x", add=[rule], close=[], replaces=[], proposed_by=by, proposed_at=NOW)
        )

    def _webhook(self, staff: Staff) -> str:
        # To a host that is never found (RFC 6761), so that a ping goes nowhere.
        return self._add(
            Webhook(
                url="https://made-up.invalid",
                label="",
                kinds=[],
                areas=[],
                items=[],
                secret=seal(new_secret()),
                created_by=staff.id,
                created_at=NOW,
            )
        )

    def path(self, route: str, place: Place) -> str:
        """Give the address of a route for the objects of a place."""
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self.objects[found[1]][place], route)

    def _make_person(self, role: Role, place: Place) -> tuple[Staff, str]:
        name = f"{role.value} {uuid4()}"
        staff = accounts.add_staff(
            self.session, name=name, role=role, unit=UNITS[place], area=AREAS[place], login=name, now=NOW
        )
        return staff, accounts.issue_token(self.session, staff, label="test", kind=TokenKind.SESSION, now=utcnow())

    def _token_of(self, staff: Staff) -> object:
        return self.session.query(Token.id).filter_by(staff_id=staff.id).scalar()


def _at(place: Place) -> dict[str, Any]:
    lon, lat = POINTS[place]
    return {"lon": lon, "lat": lat}


@pytest.fixture(scope="module")
def world(databases: Databases, app: Flask) -> Iterator[World]:
    """Give the world in the built-in pack, which needs no test data. Each call is taken back, so that all share it."""
    with rolled_back(databases.engine("built_in")) as session:
        world = World(session)
        world.make()
        yield world


@pytest.fixture
def client(app: Flask, world: World) -> FlaskClient:
    return app.test_client()


def routes_of(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Give method, route and guard of all routes but those of files."""
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", "none")
        if not rule.endpoint.endswith("static"):
            yield from ((method, rule.rule, guard) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def test_every_route_stands_in_the_table_and_no_other(app: Flask) -> None:
    written = {(line.method, line.route, "staff" if line.cells else PUBLIC) for line in LINES}
    there = set(routes_of(app))

    assert there - written == set(), "add these to tests/access.txt"
    assert written - there == set(), "take these out of tests/access.txt"
    assert len(written) == len(LINES), "a route stands twice in tests/access.txt"


@pytest.mark.parametrize("line", OF_STAFF, ids=lambda line: f"{line.method} {line.route}")
def test_a_route_lets_in_whom_the_table_says(line: Line, world: World, client: FlaskClient) -> None:
    found = Line(line.method, line.route, {role: tuple(knock_all(world, client, line, role)) for role in ROLES})

    assert found == line, f"the line would have to be:\n{found}"


@pytest.mark.parametrize("line", OF_STAFF, ids=lambda line: f"{line.method} {line.route}")
def test_a_route_of_staff_lets_nobody_in_without_a_token(line: Line, world: World, client: FlaskClient) -> None:
    answer = client.open(world.path(line.route, Place.OWN), method=line.method, json={})

    assert answer.status_code == 401


def knock_all(world: World, client: FlaskClient, line: Line, role: str) -> Iterator[str]:
    """Call a route as one role for each place; once, where it has nothing that lies in a place."""
    placed = "<" in line.route or (line.method, line.route) in BODIES
    marks = [knock(world, client, line, role, place) for place in (Place if placed else [Place.OWN])]
    yield from (marks * len(Place))[: len(Place)]


def knock(world: World, client: FlaskClient, line: Line, role: str, place: Place) -> str:
    """Call a route and take back what it did."""
    body = BODIES.get((line.method, line.route), _nothing)(place)
    body = {name: world.path(value, place) if isinstance(value, str) else value for name, value in body.items()}
    given: dict[str, Any] = {} if line.method == "GET" else {"json": body}
    taken_back = world.session.connection().begin_nested()
    answer = client.open(world.path(line.route, place), method=line.method, headers=world.headers[role], **given)
    taken_back.rollback()
    return str(answer.status_code) if answer.status_code in REFUSALS or answer.status_code >= 500 else LET_IN
