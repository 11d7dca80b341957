"""Administrators and the accounts that they look after."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import queries, service
from app.accounts.errors import UnknownArea
from app.accounts.models import Staff, Token
from app.accounts.roles import Role
from app.catalogue.city import current_city
from app.catalogue.errors import UnknownUnit
from tests.accounts.people import Headers, make_account, session_of, sign_in
from tests.make import NOW, make_person

NANSHAN, YUEHAI_STREET, FUTIAN = "440305", "440305007", "440304"
LIGHTS, PARKS = "sz-street_lighting", "sz-parks"


def headers_of(session: Session, role: Role = Role.ADMIN, **scope: Any) -> Headers:
    _, token = make_person(session, role, **scope)
    return {"Authorization": f"Bearer {token}"}


def somebody(**over: Any) -> dict[str, Any]:
    return {"name": f"New {uuid4()}", "role": "crew", "unit": LIGHTS, "area": NANSHAN} | over


def test_an_administrator_adds_somebody_who_then_signs_in(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen)

    added = client.post("/api/v1/staff", headers=admin, json=somebody(login="New@example.org"))
    given = client.post(f"/api/v1/staff/{added.get_json()['id']}/password", headers=admin, json={})
    answer = sign_in(client, login="new@example.org", password=given.get_json()["password"])

    assert added.status_code == 201, added.text
    assert added.get_json()["login"] == "new@example.org"
    assert not {"password_hash", "totp_secret", "subject"} & set(added.get_json())
    assert (given.status_code, given.headers["Cache-Control"]) == (201, "no-store")
    assert answer.status_code == 201
    assert answer.get_json()["must_change_password"]


@pytest.mark.parametrize(
    ("over", "pointer"),
    [
        ({"unit": "sz-made-up"}, "/unit"),
        ({"area": "999999"}, "/area"),
        ({"area": None}, "/area"),
        ({"unit": None}, "/unit"),
        ({"role": "system"}, "/role"),
        ({"role": "reporter"}, "/role"),
        ({"name": " "}, "/name"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_the_city_does_not_have_is_pointed_at(
    client: FlaskClient, shenzhen: Session, over: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/api/v1/staff", headers=headers_of(shenzhen), json=somebody(**over))

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_names_and_logins_are_taken_once(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen)
    first = somebody(login="one@example.org")

    answers = [
        client.post("/api/v1/staff", headers=admin, json=new)
        for new in (first, first | {"login": "two@example.org"}, somebody(login="ONE@example.org"))
    ]

    assert [answer.status_code for answer in answers] == [201, 409, 409]
    assert [answer.get_json()["type"].rpartition("#")[2] for answer in answers[1:]] == ["name-taken", "login-taken"]


@pytest.mark.parametrize(
    ("own", "given", "status"),
    [
        ({"area": NANSHAN}, {}, 201),
        ({"area": NANSHAN}, {"area": YUEHAI_STREET}, 201),
        ({"area": NANSHAN}, {"area": FUTIAN}, 403),
        ({"area": NANSHAN}, {"area": "440300"}, 403),
        ({"area": NANSHAN, "unit": LIGHTS}, {}, 201),
        ({"area": NANSHAN, "unit": LIGHTS}, {"unit": PARKS}, 403),
        ({"area": NANSHAN, "unit": LIGHTS}, {"unit": "*"}, 403),
        ({"area": NANSHAN, "unit": LIGHTS}, {"unit": "sz-centre"}, 403),
        ({"area": NANSHAN, "unit": "440305-gov"}, {"unit": PARKS}, 201),
        ({"area": None}, {}, 403),
        ({"unit": None}, {}, 403),
    ],
)
def test_an_administrator_gives_units_and_areas_of_the_own_scope_only(
    client: FlaskClient, shenzhen: Session, own: dict[str, Any], given: dict[str, Any], status: int
) -> None:
    answer = client.post("/api/v1/staff", headers=headers_of(shenzhen, **own), json=somebody(**given))

    assert answer.status_code == status, answer.text


def test_nobody_is_moved_out_of_or_into_a_foreign_scope(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen, area=NANSHAN)
    mine, _ = make_person(shenzhen, unit=LIGHTS, area=YUEHAI_STREET)
    foreign, _ = make_person(shenzhen, unit=LIGHTS, area=FUTIAN)
    nowhere, _ = make_person(shenzhen, unit=LIGHTS, area=None)

    def status(person: service.Person, **new: Any) -> int:
        return client.patch(f"/api/v1/staff/{person.id}", headers=admin, json=new).status_code

    assert status(mine, role="unit_manager", unit=PARKS) == 200
    assert status(mine, area=FUTIAN) == 403
    assert status(mine, area="999") == 422
    assert status(mine) == 422
    assert status(foreign, area=NANSHAN) == 404
    assert status(nowhere, area=NANSHAN) == 404
    row = shenzhen.get_one(Staff, mine.id, populate_existing=True)
    assert (row.role, row.unit, row.area) == (Role.UNIT_MANAGER, PARKS, YUEHAI_STREET)


def test_who_is_disabled_is_out_at_once_and_old_tokens_stay_revoked(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen)
    staff = make_account(shenzhen)
    old = session_of(client)
    path = f"/api/v1/staff/{staff.id}"

    disabled = client.patch(path, headers=admin, json={"disabled": True})
    out = (client.get("/api/v1/me", headers=old).status_code, sign_in(client).status_code)
    enabled = client.patch(path, headers=admin, json={"disabled": False})

    assert disabled.get_json()["disabled_at"]
    assert out == (401, 401)
    assert enabled.get_json()["disabled_at"] is None
    assert client.get("/api/v1/me", headers=old).status_code == 401
    assert sign_in(client).status_code == 201


def test_nobody_changes_their_own_account(client: FlaskClient, shenzhen: Session) -> None:
    admin, token = make_person(shenzhen, Role.ADMIN, area=NANSHAN)
    headers = {"Authorization": f"Bearer {token}"}

    answers = [
        client.patch(f"/api/v1/staff/{admin.id}", headers=headers, json={"role": "supervisor"}),
        client.post(f"/api/v1/staff/{admin.id}/password", headers=headers, json={}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_a_one_time_password_ends_sessions_and_forgets_a_lost_phone(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen)
    staff = make_account(shenzhen)
    old = session_of(client)
    staff.totp_secret, staff.totp_confirmed_at = b"sealed", NOW
    shenzhen.flush()

    given = client.post(f"/api/v1/staff/{staff.id}/password", headers=admin, json={"forget_totp": True})

    assert client.get("/api/v1/me", headers=old).status_code == 401
    assert sign_in(client).status_code == 401
    assert sign_in(client, password=given.get_json()["password"]).status_code == 201


def test_a_password_needs_a_login_and_a_machine_has_none(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen)
    without, _ = make_person(shenzhen)
    machine = service.add_staff(
        shenzhen, name="Sensors", role=Role.DISPATCHER, unit="*", area=NANSHAN, machine=True, now=NOW
    )

    answers = [client.post(f"/api/v1/staff/{one}/password", headers=admin, json={}) for one in (without.id, machine.id)]

    assert [answer.status_code for answer in answers] == [409, 409]


def test_the_key_of_a_machine_does_what_it_is_good_for_and_no_more(client: FlaskClient, shenzhen: Session) -> None:
    admin = headers_of(shenzhen)
    new = somebody(name="Lamp sensors", role="dispatcher", scopes=["read"], days=30)

    made = client.post("/api/v1/machine-keys", headers=admin, json=new)
    key = {"Authorization": f"Bearer {made.get_json()['key']}"}
    machine = made.get_json()["machine"]["id"]

    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    me = client.get("/api/v1/me", headers=key).get_json()
    assert (me["kind"], me["scopes"]) == ("machine", ["read"])
    assert client.get("/api/v1/work-orders/UNKNOWN", headers=key).status_code == 404
    move = client.post("/api/v1/work-orders/UNKNOWN/moves", headers=key, json={"action": "note"})
    assert (move.status_code, move.get_json()["scope"]) == (403, "move")
    listed = client.get("/api/v1/staff?machine=true", headers=admin).get_json()
    assert [row["name"] for row in listed] == ["Lamp sensors"]
    tokens = client.get(f"/api/v1/staff/{machine}/tokens", headers=admin).get_json()
    assert [(row["kind"], row["scopes"]) for row in tokens] == [("machine", ["read"])]
    path = f"/api/v1/staff/{machine}/tokens/{tokens[0]['id']}"
    assert client.delete(path, headers=admin).status_code == 204
    assert client.get("/api/v1/me", headers=key).status_code == 401


@pytest.mark.parametrize("over", [{"scopes": []}, {"scopes": ["everything"]}, {"days": 0}, {"days": 367}])
def test_a_key_is_bounded_in_use_and_time(client: FlaskClient, shenzhen: Session, over: dict[str, Any]) -> None:
    new = somebody(scopes=["read"]) | over

    assert client.post("/api/v1/machine-keys", headers=headers_of(shenzhen), json=new).status_code == 422


def test_a_token_is_revoked_only_by_way_of_its_person(client: FlaskClient, shenzhen: Session) -> None:
    mine, _ = make_person(shenzhen, area=NANSHAN)
    foreign, _ = make_person(shenzhen, area=FUTIAN)
    token = shenzhen.query(Token).filter_by(staff_id=foreign.id).one()

    answer = client.delete(f"/api/v1/staff/{mine.id}/tokens/{token.id}", headers=headers_of(shenzhen, area=NANSHAN))

    assert answer.status_code == 404
    assert token.revoked_at is None


def test_the_list_shows_exactly_who_can_be_looked_after(client: FlaskClient, shenzhen: Session) -> None:
    people = [
        make_person(shenzhen, unit=unit, area=area)[0]
        for unit in (LIGHTS, PARKS, "*", None)
        for area in ("440300", NANSHAN, YUEHAI_STREET, FUTIAN, None)
    ]
    city = current_city(shenzhen)

    for scope in (
        {"area": "440300"},
        {"area": NANSHAN},
        {"area": NANSHAN, "unit": LIGHTS},
        {"area": YUEHAI_STREET},
        {"area": None},
        {"unit": None},
    ):
        admin, _ = make_person(shenzhen, Role.ADMIN, **scope)
        listed = {row.id for row in queries.list_staff(shenzhen, by=admin, city=city)} - {admin.id}
        covered = {
            person.id
            for person in people
            if person.unit
            and person.area
            and admin.covers(units=[person.unit], areas=queries.areas_around(shenzhen, person.area, city=city))
        }
        assert listed & {person.id for person in people} == covered, scope
        assert bool(covered) == (None not in scope.values())


def test_the_list_goes_on_where_a_page_ended(client: FlaskClient, shenzhen: Session) -> None:
    for number in range(queries.PAGE + 1):
        shenzhen.add(Staff(name=f"P{number}", role=Role.CREW, unit=LIGHTS, area=NANSHAN, created_at=NOW))
    shenzhen.flush()
    admin = headers_of(shenzhen, area=NANSHAN)

    first = client.get("/api/v1/staff", headers=admin).get_json()
    second = client.get(f"/api/v1/staff?after={first[-1]['id']}", headers=admin).get_json()

    names = [row["name"] for row in [*first, *second]]
    assert len(first) == queries.PAGE
    assert len(set(names)) == len(names) == queries.PAGE + 2


def test_services_check_scopes_too(shenzhen: Session) -> None:
    with pytest.raises(UnknownUnit):
        make_person(shenzhen, unit="sz-made-up")
    with pytest.raises(UnknownArea):
        make_person(shenzhen, area="made-up")


def test_who_has_a_narrow_token_of_an_administrator_manages_nobody(client: FlaskClient, shenzhen: Session) -> None:
    admin, _ = make_person(shenzhen, Role.ADMIN)
    staff = shenzhen.get_one(Staff, admin.id)
    token = service.issue_token(shenzhen, staff, label="narrow", scopes=[], now=dt.datetime.now(dt.UTC))

    answer = client.post("/api/v1/staff", headers={"Authorization": f"Bearer {token}"}, json=somebody())

    assert (answer.status_code, answer.get_json()["scope"]) == (403, "manage")
