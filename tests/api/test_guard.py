"""The guard by itself: roles, scopes, own account, marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.roles import STAFF_ROLES, Role, Scope
from app.api import errors, guard
from app.api.guard import public, staff_only


@dataclass
class Somebody:
    role: str
    scopes: tuple[str, ...] | None = None


SCOPES = {"bare": "", "managing": "manage", "filing": "file"}


@pytest.fixture(scope="module")
def small() -> Flask:
    """Give an application of a few routes, whose tokens are a role and scopes."""
    small = Flask("small", static_folder=None)
    small.config["PUBLIC_URL"] = "http://reports.example.org"
    errors.install(small)

    def authenticate(token: str) -> Somebody | None:
        role, _, scopes = token.partition(" ")
        return None if role == "nobody" else Somebody(role, tuple(scopes.split(",")) if scopes else None)

    small.extensions["authenticator"] = authenticate

    def add(path: str, mark: Callable[[Any], Any]) -> None:
        def view() -> dict[str, Any]:
            return {"role": guard.current_person().role}

        small.add_url_rule(path, path, mark(view), methods=["GET", "POST"])

    add("/bare", staff_only)
    add("/managing", staff_only(roles=("admin", "auditor"), scope="manage"))
    add("/filing", staff_only(scope="file"))
    add("/own", staff_only(own=True))
    return small


def knock(client: FlaskClient, method: str, path: str, token: str) -> Any:
    return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})


def test_a_route_without_words_takes_every_role_but_lets_an_auditor_read_only(small: Flask) -> None:
    client = small.test_client()

    for role in STAFF_ROLES:
        assert knock(client, "GET", "/bare", role).get_json() == {"role": role}
        assert knock(client, "HEAD", "/bare", role).status_code == 200
        assert knock(client, "POST", "/bare", role).status_code == (403 if role is Role.AUDITOR else 200)


def test_another_role_is_told_which_ones_may(small: Flask) -> None:
    answer = knock(small.test_client(), "GET", "/managing", "crew")

    assert answer.status_code == 403
    assert answer.get_json()["roles"] == ["admin", "auditor"]


def test_an_auditor_changes_nothing_even_where_a_route_names_the_role(small: Flask) -> None:
    answers = [knock(small.test_client(), method, "/managing", "auditor").status_code for method in ("GET", "POST")]

    assert answers == [200, 403]


@given(
    path=st.sampled_from(sorted(SCOPES)),
    method=st.sampled_from(["GET", "POST"]),
    scopes=st.none() | st.sets(st.sampled_from(list(Scope)), min_size=1),
)
def test_a_token_with_scopes_needs_the_one_of_the_route(
    small: Flask, path: str, method: str, scopes: set[Scope] | None
) -> None:
    wanted = SCOPES[path] or {"GET": "read", "POST": "move"}[method]

    answer = knock(small.test_client(), method, f"/{path}", f"admin {','.join(scopes or ())}")

    assert answer.status_code == (200 if scopes is None or wanted in scopes else 403)
    assert answer.status_code == 200 or answer.get_json()["scope"] == wanted


def test_a_token_that_is_too_narrow_is_told_what_it_is_good_for(small: Flask) -> None:
    answer = knock(small.test_client(), "POST", "/bare", "crew file,read")

    assert answer.get_json()["detail"] == "This token is not good for 'move': it was issued for file, read."


def test_the_own_account_takes_any_token(small: Flask) -> None:
    for token in ("auditor", "crew file", "admin read"):
        assert knock(small.test_client(), "POST", "/own", token).status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nobody", "Basic crew", "crew"])
def test_without_a_good_token_nobody_gets_in_and_is_told_how(small: Flask, header: str | None) -> None:
    answer = small.test_client().get("/own", headers={} if header is None else {"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="staff"'


def test_the_marks_stay_on_the_function() -> None:
    def view() -> None: ...

    marks = [vars(staff_only(view)), vars(staff_only(roles=("admin",), scope="manage")(view)), vars(public(view))]

    assert (marks[0]["guard"], marks[0]["roles"], marks[0]["scope"], marks[0]["own"]) == ("staff", (), "", False)
    assert (marks[1]["guard"], marks[1]["roles"], marks[1]["scope"]) == ("staff", ("admin",), "manage")
    assert marks[2]["guard"] == "public"
