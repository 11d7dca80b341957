"""One's own password, second factor and tokens."""

from __future__ import annotations

import datetime as dt

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import service
from app.accounts.models import Token
from app.accounts.roles import Role, Scope
from tests.accounts.people import LOGIN, PASSWORD, Headers, hashed, make_account, session_of, sign_in
from tests.make import make_person

NEW = "a newer made-up password"


def test_a_new_password_takes_the_old_one_and_ends_all_other_sessions(client: FlaskClient, shenzhen: Session) -> None:
    make_account(shenzhen)
    here, elsewhere = session_of(client), session_of(client)

    wrong = client.put("/api/v1/me/password", headers=here, json={"current": "made up", "password": NEW})
    right = client.put("/api/v1/me/password", headers=here, json={"current": PASSWORD, "password": NEW})

    assert (wrong.status_code, wrong.get_json()["errors"][0]["pointer"]) == (422, "/current")
    assert right.status_code == 204
    assert client.get("/api/v1/me", headers=here).status_code == 200
    assert client.get("/api/v1/me", headers=elsewhere).status_code == 401
    assert sign_in(client).status_code == 401
    assert sign_in(client, password=NEW).status_code == 201


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("eleven char", "at least 12"),
        ("x" * 257, "at most 256"),
        ("abcabcabcabc", "few characters"),
        ("my Someone@example.ORG!", "login"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(
    client: FlaskClient, shenzhen: Session, password: str, said: str
) -> None:
    make_account(shenzhen)

    answer = client.put(
        "/api/v1/me/password", headers=session_of(client), json={"current": PASSWORD, "password": password}
    )

    assert answer.status_code == 422
    assert said in answer.get_json()["errors"][0]["detail"]


def test_wrong_passwords_of_a_session_lock_the_account_too(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    proof = service.Proof(service.find_claim(shenzhen, LOGIN), good=False)
    now = dt.datetime.now(dt.UTC)

    for _ in range(5):
        service.remove_totp(shenzhen, proof, now=now)

    assert staff.locked_until is not None
    assert sign_in(client).status_code == 401


def test_a_second_factor_is_asked_once_it_is_confirmed_and_removed_by_the_password(
    client: FlaskClient, shenzhen: Session
) -> None:
    make_account(shenzhen)
    headers = session_of(client)
    path = "/api/v1/me/totp"

    too_early = client.put(path, headers=headers, json={"code": "123456"})
    begun = client.post(path, headers=headers)
    not_asked_yet = sign_in(client)
    secret = begun.get_json()["secret"]
    wrong = client.put(path, headers=headers, json={"code": "12345"})
    confirmed = client.put(path, headers=headers, json={"code": pyotp.TOTP(secret).now()})
    twice = client.post(path, headers=headers)
    asked = sign_in(client)
    kept = client.delete(path, headers=headers, json={"current": "made up"})
    removed = client.delete(path, headers=headers, json={"current": PASSWORD})

    assert too_early.status_code == 409
    assert (begun.status_code, begun.headers["Cache-Control"]) == (201, "no-store")
    assert begun.get_json()["uri"].startswith("otpauth://totp/suishoupai:someone%40example.org?secret=" + secret)
    assert not_asked_yet.status_code == 201
    assert (wrong.status_code, wrong.get_json()["errors"][0]["pointer"]) == (422, "/code")
    assert confirmed.status_code == 204
    assert twice.status_code == 409
    assert asked.status_code == 401
    assert kept.status_code == 422
    assert removed.status_code == 204
    assert sign_in(client).status_code == 201


def test_a_stolen_token_cannot_lock_its_owner_out(client: FlaskClient, shenzhen: Session) -> None:
    person, token = make_person(shenzhen)
    headers = {"Authorization": f"Bearer {token}"}
    row = shenzhen.query(Token).filter_by(staff_id=person.id).one()

    answers = [
        client.put("/api/v1/me/password", headers=headers, json={"current": PASSWORD, "password": NEW}),
        client.post("/api/v1/me/totp", headers=headers),
        client.put("/api/v1/me/totp", headers=headers, json={"code": "123456"}),
        client.delete("/api/v1/me/totp", headers=headers, json={"current": PASSWORD}),
        client.delete(f"/api/v1/tokens/{row.id}", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert all(answer.get_json()["type"].endswith("#session-only") for answer in answers)


def test_own_tokens_are_listed_without_their_secret_and_revoked_one_by_one(
    client: FlaskClient, shenzhen: Session
) -> None:
    staff = make_account(shenzhen)
    now = dt.datetime.now(dt.UTC)
    personal = service.issue_token(shenzhen, staff, label="my script", scopes=[Scope.READ], now=now)
    service.issue_token(shenzhen, staff, label="of last year", now=now - dt.timedelta(days=365))
    other, _ = make_person(shenzhen)
    others = shenzhen.query(Token).filter_by(staff_id=other.id).one()
    headers = session_of(client)

    listed = client.get("/api/v1/tokens", headers=headers).get_json()
    mine = next(row for row in listed if row["label"] == "my script")
    revoked = client.delete(f"/api/v1/tokens/{mine['id']}", headers=headers)
    foreign = client.delete(f"/api/v1/tokens/{others.id}", headers=headers)

    assert [(row["kind"], row["scopes"]) for row in listed] == [("session", None), ("personal", ["read"])]
    assert personal not in str(listed)
    assert revoked.status_code == 204
    assert foreign.status_code == 404
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {personal}"}).status_code == 401


def test_a_one_time_password_opens_nothing_but_the_change_to_an_own_one(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen, Role.ADMIN)
    service.set_password(shenzhen, staff, hashed(PASSWORD), one_time=True, now=dt.datetime.now(dt.UTC))

    answer = sign_in(client)
    headers = {"Authorization": f"Bearer {answer.get_json()['token']}"}
    before = [client.get(path, headers=headers) for path in ("/api/v1/staff", "/api/v1/tokens")]
    same = client.put("/api/v1/me/password", headers=headers, json={"current": PASSWORD, "password": PASSWORD})
    change = client.put("/api/v1/me/password", headers=headers, json={"current": PASSWORD, "password": NEW})
    after = client.get("/api/v1/staff", headers=headers)

    assert answer.get_json()["must_change_password"]
    assert (same.status_code, same.get_json()["errors"][0]["pointer"]) == (422, "/password")
    assert [(one.status_code, one.get_json()["scope"]) for one in before] == [(403, "read")] * 2
    assert "PUT /api/v1/me/password" in before[0].get_json()["detail"]
    assert change.status_code == 204
    assert after.status_code == 200
    assert not sign_in(client, password=NEW).get_json()["must_change_password"]


def test_a_one_time_password_ends_after_three_days(shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    now = dt.datetime.now(dt.UTC)
    service.set_password(shenzhen, staff, hashed(PASSWORD), one_time=True, now=now)
    proof = service.Proof(service.find_claim(shenzhen, LOGIN), good=True)

    late = service.sign_in(shenzhen, proof, code="", now=now + dt.timedelta(days=3, seconds=1))
    early = service.sign_in(shenzhen, proof, code="", now=now + dt.timedelta(days=2))

    assert late is None
    assert early is not None


def test_an_auditor_may_look_after_the_own_account(client: FlaskClient, shenzhen: Session) -> None:
    make_account(shenzhen, Role.AUDITOR)
    headers: Headers = session_of(client)

    change = client.put("/api/v1/me/password", headers=headers, json={"current": PASSWORD, "password": NEW})

    assert change.status_code == 204
    assert client.post("/api/v1/me/totp", headers=headers).status_code == 201
    assert client.delete("/api/v1/session", headers=headers).status_code == 204
