"""The responsibility list by HTTP: list, propose, replay, publish, history."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.roles import STAFF_ROLES, Role
from tests.make import make_person, make_work_order

LIST = "/api/v1/responsibilities"
PROPOSALS = f"{LIST}/proposals"
GAS = {"item": "B0121", "area": "440305", "unit": "sz-gas", "note": "lamps with gas"}


@pytest.fixture
def call(client: FlaskClient, shenzhen: Session) -> Any:
    """Give a function that calls as somebody of a role."""
    tokens: dict[tuple[Role, Any], str] = {}

    def call(method: str, path: str, role: Role = Role.ADMIN, *, area: str = "440300", **more: Any) -> TestResponse:
        if (role, area) not in tokens:
            tokens[role, area] = make_person(shenzhen, role, area=area)[1]
        headers = {"Authorization": f"Bearer {tokens[role, area]}"}
        return client.open(path, method=method, headers=headers, **more)

    return call


def propose(call: Any, *add: dict[str, str], role: Role = Role.DISPATCHER, **more: Any) -> dict[str, Any]:
    answer = call("POST", PROPOSALS, role, json={"add": add, "reason": "a trial", **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def publish(call: Any, proposal: dict[str, Any]) -> dict[str, Any]:
    answer = call("POST", f"{PROPOSALS}/{proposal['id']}/publish")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def rules(answer: TestResponse) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    return [(rule["item"], rule["area"], rule["unit"]) for rule in answer.get_json()["rules"]]


def slug(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"].partition("#")[2]


def test_from_a_proposal_to_a_report_that_goes_elsewhere(call: Any, shenzhen: Session) -> None:
    old = make_work_order(shenzhen)

    proposal = propose(call, GAS)
    replayed = call("POST", f"{PROPOSALS}/{proposal['id']}/replay", Role.DISPATCHER, json={"last": 50}).get_json()
    published = publish(call, proposal)

    assert (proposal["state"], proposal["version"], proposal["replaces"]) == ("draft", None, [])
    assert (replayed["looked_at"], replayed["elsewhere"], replayed["changed"]) == (1, 1, [])
    (way,) = replayed["ways"]
    assert (way["from"]["code"], way["to"]["code"], way["count"]) == ("sz-street_lighting", "sz-gas", 1)
    assert way["to"]["name_zh"]
    (moved,) = way["work_orders"]
    assert (moved["id"], moved["item"], moved["street"]) == (old.public_id, "B0121", "440305007")
    assert moved["why"]["rule"]["note"] == "lamps with gas"
    assert (published["state"], published["version"]) == ("published", 2)
    assert published["published_by"].startswith("admin:")
    assert make_work_order(shenzhen, lon=113.9491, now=dt.datetime.now(dt.UTC)).lead_unit == "sz-gas"


def test_the_list_is_read_by_column_day_and_version(call: Any) -> None:
    whole = rules(call("GET", LIST))
    publish(call, propose(call, GAS | {"valid_from": "2999-01-01"}))

    assert len(whole) == 4
    assert ("B0408", "440304", "sz-parks") in whole
    assert rules(call("GET", f"{LIST}?item=B0121&area=440305")) == [("B0121", "440305", "sz-gas")]
    assert rules(call("GET", f"{LIST}?unit=sz-gas")) == [("B0121", "440305", "sz-gas")]
    assert rules(call("GET", f"{LIST}?unit=sz-gas&on=2998-12-31")) == []
    assert len(rules(call("GET", f"{LIST}?asset_owner="))) == 5
    assert rules(call("GET", f"{LIST}?version=1")) == whole
    assert len(rules(call("GET", f"{LIST}?version=2", Role.CREW))) == 5


def test_the_list_comes_in_pages(call: Any) -> None:
    first = call("GET", f"{LIST}?limit=3").get_json()
    second = call("GET", f"{LIST}?limit=3&after={first['next']}").get_json()

    assert (len(first["rules"]), len(second["rules"]), second["next"]) == (3, 1, None)
    assert rules(call("GET", LIST)) == [(r["item"], r["area"], r["unit"]) for r in first["rules"] + second["rules"]]


def test_a_rule_tells_where_it_comes_from(call: Any) -> None:
    publish(call, propose(call, GAS))

    ruling = call("GET", f"{LIST}?unit=sz-gas").get_json()
    pack = call("GET", f"{LIST}?item=B0408").get_json()["rules"][0]

    assert ruling["version"] == 2
    told = {name: ruling["rules"][0][name] for name in ("origin", "version", "until", "note", "role", "asset_owner")}
    assert told == {
        "origin": "ruling",
        "version": 2,
        "until": None,
        "note": "lamps with gas",
        "role": "",
        "asset_owner": "",
    }
    assert (pack["origin"], pack["version"], pack["valid_from"]) == ("pack", 1, "2024-01-01")


def test_the_history_says_who_when_and_what(call: Any) -> None:
    first = publish(call, propose(call, GAS))
    second = publish(call, propose(call, GAS | {"unit": "sz-parks"}))

    newest, middle, load = call("GET", f"{LIST}/history", Role.AUDITOR).get_json()

    assert [version["version"] for version in (newest, middle, load)] == [3, 2, 1]
    assert (newest["proposal"]["id"], middle["proposal"]["id"], load["proposal"]) == (second["id"], first["id"], None)
    assert newest["proposal"]["reason"] == "a trial"
    assert newest["proposal"]["replaces"] == [middle["added"]["rules"][0]["id"]]
    assert (newest["added"]["count"], newest["closed"]["count"]) == (1, 1)
    assert newest["closed"]["rules"][0]["unit"] == "sz-gas"
    assert (load["added"]["count"], len(load["added"]["rules"]), load["closed"]["count"]) == (4, 4, 0)


def test_the_history_of_one_thing_has_nothing_else(call: Any) -> None:
    publish(call, propose(call, GAS))
    publish(call, propose(call, GAS | {"area": ""}))
    publish(call, propose(call, GAS | {"unit": "sz-parks"}, {"item": "B0408", "unit": "sz-gas"}))

    found = call("GET", f"{LIST}/history?item=B0121&area=440305").get_json()
    earlier = call("GET", f"{LIST}/history?item=B0121&area=440305&before=4").get_json()

    assert [version["version"] for version in found] == [4, 2]
    assert [rule["unit"] for rule in found[0]["added"]["rules"] + found[0]["closed"]["rules"]] == ["sz-parks", "sz-gas"]
    assert [version["version"] for version in earlier] == [2]


def test_proposals_are_listed_and_shown(call: Any) -> None:
    draft, other = propose(call, GAS), publish(call, propose(call, GAS | {"area": ""}))

    assert [each["id"] for each in call("GET", PROPOSALS).get_json()] == [other["id"], draft["id"]]
    assert call("GET", f"{PROPOSALS}?state=draft", Role.AUDITOR).get_json() == [draft]
    assert call("GET", f"{PROPOSALS}/{draft['id']}").get_json() == draft
    assert slug(call("GET", f"{PROPOSALS}/{uuid4()}")) == (404, "no-such-proposal")


@pytest.mark.parametrize("role", STAFF_ROLES)
def test_each_role_does_what_it_may(call: Any, role: Role) -> None:
    draft = f"{PROPOSALS}/{propose(call, GAS)['id']}"
    readers = {Role.DISPATCHER, Role.ADJUDICATOR, Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR}
    asks: tuple[tuple[str, str, Any, set[Role], int], ...] = (
        ("GET", LIST, None, set(STAFF_ROLES), 200),
        ("GET", f"{LIST}/history", None, set(STAFF_ROLES), 200),
        ("GET", PROPOSALS, None, readers, 200),
        ("GET", draft, None, readers, 200),
        ("POST", f"{draft}/replay", None, readers, 200),
        ("POST", PROPOSALS, {"add": [GAS | {"area": ""}], "reason": "r"}, readers - {Role.AUDITOR}, 201),
        ("POST", f"{draft}/publish", None, {Role.SUPERVISOR, Role.ADMIN}, 200),
    )

    for method, path, body, allowed, status in asks:
        answer = call(method, path, role, **({"json": body} if body is not None else {}))

        assert answer.status_code == (status if role in allowed else 403), (method, path, answer.text)
        if role not in allowed:
            # An auditor changes nothing: the guard refuses before the list is asked.
            assert slug(answer) == (403, "forbidden" if role is Role.AUDITOR else "not-your-list")
            assert role is Role.AUDITOR or answer.get_json()["roles"]


def test_nobody_gets_in_without_a_token(client: FlaskClient) -> None:
    for path in (LIST, f"{LIST}/history", PROPOSALS):
        assert client.get(path).status_code == 401


def test_who_acts_for_a_district_changes_no_rule_of_the_city(call: Any) -> None:
    answer = call(
        "POST", PROPOSALS, Role.SUPERVISOR, area="440305", json={"add": [GAS | {"area": ""}], "reason": "mine"}
    )

    assert slug(answer) == (403, "not-your-list")
    assert answer.get_json()["detail"] == (
        "A rule of the whole city reaches beyond what you act for: all units of 440305 at most."
    )


def test_faults_have_pointers(call: Any) -> None:
    new = {"add": [GAS, GAS | {"item": "none", "unit": "nobody"}], "close": [str(uuid4())], "reason": "r"}

    answer = call("POST", PROPOSALS, json=new)

    assert slug(answer) == (422, "rules-refused")
    pointers = [error["pointer"] for error in answer.get_json()["errors"]]
    assert pointers == ["/add/1/item", "/add/1/unit", "/close/0"]


@pytest.mark.parametrize(
    ("new", "pointer"),
    [
        ({"add": [GAS]}, "/reason"),
        ({"add": [GAS], "reason": " "}, "/reason"),
        ({"add": [{"item": "B0121"}], "reason": "r"}, "/add/0/unit"),
        ({"add": [GAS | {"valid_from": "soon"}], "reason": "r"}, "/add/0/valid_from"),
        ({"add": [GAS | {"origin": "pack"}], "reason": "r"}, "/add/0/origin"),
        ({"close": ["x"], "reason": "r"}, "/close/0"),
        ({"add": [GAS] * 501, "reason": "r"}, "/add"),
    ],
)
def test_what_is_no_proposal_is_refused(call: Any, new: dict[str, Any], pointer: str) -> None:
    answer = call("POST", PROPOSALS, json=new)

    assert slug(answer) == (422, "unprocessable")
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]


@pytest.mark.parametrize("last", [0, 10_001])
def test_a_replay_has_its_limits(call: Any, last: int) -> None:
    answer = call("POST", f"{PROPOSALS}/{propose(call, GAS)['id']}/replay", json={"last": last})

    assert slug(answer) == (422, "unprocessable")


def test_a_draft_that_is_too_old_says_what_to_do(call: Any) -> None:
    first, second = propose(call, GAS), propose(call, GAS | {"unit": "sz-parks"})
    publish(call, first)

    again = call("POST", f"{PROPOSALS}/{first['id']}/publish")
    stale = call("POST", f"{PROPOSALS}/{second['id']}/publish")

    assert (slug(again), again.get_json()["version"]) == ((409, "already-published"), 2)
    assert slug(stale) == (409, "stale-proposal")
    assert stale.get_json()["detail"] == (
        "Version 2 has a ruling on item B0121, area 440305 that the proposal does not know. "
        "Read the list again, and propose what you want now."
    )
