"""Signing in and out by password and code."""

from __future__ import annotations

import datetime as dt
import logging
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import db
from app.accounts import passwords, service
from app.accounts.models import Staff, Token
from app.accounts.roles import TokenKind
from app.config import Settings
from tests.accounts.people import LOGIN, PASSWORD, hashed, make_account, session_of, sign_in
from tests.make import NOW, make_person


def test_who_signs_in_gets_a_token_that_works_until_they_sign_out(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen)

    answer = sign_in(client, login=" Someone@Example.ORG ")

    body = answer.get_json()
    headers = {"Authorization": f"Bearer {body['token']}"}
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert body["person"] == {"id": str(staff.id), "name": staff.name, "role": "crew", "unit": "*", "area": "440300"}
    assert not body["must_change_password"]
    left = dt.datetime.fromisoformat(body["expires_at"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(hours=11, minutes=59) < left <= dt.timedelta(hours=12)
    assert client.get("/api/v1/me", headers=headers).get_json()["kind"] == "session"
    assert client.delete("/api/v1/session", headers=headers).status_code == 204
    assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_the_answer_does_not_tell_what_was_wrong(client: FlaskClient, shenzhen: Session) -> None:
    make_account(shenzhen)
    with_code = make_account(shenzhen, login="code@example.org")
    disabled = make_account(shenzhen, login="gone@example.org")
    service.disable_staff(shenzhen, disabled, now=NOW)
    confirm_code(client, with_code.login or "")
    make_person(shenzhen)

    answers = [
        sign_in(client, password="not the password"),
        sign_in(client, login="nobody@example.org"),
        sign_in(client, login="code@example.org"),
        sign_in(client, login="code@example.org", code="000000"),
        sign_in(client, login="gone@example.org"),
    ]

    assert [answer.status_code for answer in answers] == [401] * 5
    bodies = [{name: value for name, value in answer.get_json().items() if name != "instance"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["type"].endswith("#wrong-credentials")
    assert "quarter of an hour" in bodies[0]["detail"]


def test_an_unknown_login_takes_as_long_as_a_wrong_password() -> None:
    passwords.matches("warm", None)
    kept = hashed(PASSWORD)

    def took(kept: str | None) -> float:
        begin = time.process_time()
        passwords.matches("not the password", kept)
        return time.process_time() - begin

    known = statistics.median(took(kept) for _ in range(3))
    unknown = statistics.median(took(None) for _ in range(3))
    assert 0.5 < unknown / known < 2
    assert known > 0.01  # argon2 did work


def test_the_fifth_failure_locks_the_right_password_out_and_time_lets_it_in(shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    wrong, right = (service.Proof(service.find_claim(shenzhen, LOGIN), good) for good in (False, True))

    def attempt(proof: service.Proof, minutes: int) -> bool:
        return service.sign_in(shenzhen, proof, code="", now=NOW + dt.timedelta(minutes=minutes)) is not None

    assert not any(attempt(wrong, 0) for _ in range(5))
    assert not attempt(right, 14)
    assert staff.failed_sign_ins == 5, "a try while locked is none"
    assert not any(attempt(wrong, 15) for _ in range(5))
    assert not attempt(right, 44), "the second lock is twice as long"
    assert attempt(right, 45)
    assert (staff.failed_sign_ins, staff.locked_until) == (0, None)


def test_no_lock_is_longer_than_a_day(shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    staff.failed_sign_ins = 4999
    shenzhen.flush()

    service.sign_in(shenzhen, service.Proof(service.find_claim(shenzhen, LOGIN), good=False), code="", now=NOW)

    assert staff.locked_until == NOW + dt.timedelta(days=1)


def test_failures_are_kept_although_the_sign_in_was_refused(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen)

    answers = [sign_in(client, password="not the password").status_code for _ in range(5)]
    right = sign_in(client).status_code

    shenzhen.refresh(staff)
    assert answers == [401] * 5
    assert right == 401
    assert staff.locked_until is not None


def test_of_many_guesses_at_once_no_more_count_than_in_a_row(committed: Settings, app: Flask) -> None:
    with db.Session.begin() as session:
        make_account(session)
        claim = service.find_claim(session, LOGIN)

    def guess(_: int) -> None:
        with db.Session.begin() as session:
            service.sign_in(session, service.Proof(claim, good=False), code="", now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(24)))

    with db.Session.begin() as session:
        staff = session.query(Staff).filter_by(login=LOGIN).one()
        assert (staff.failed_sign_ins, staff.locked_until) == (5, NOW + dt.timedelta(minutes=15))


def test_a_password_that_changed_meanwhile_lets_nobody_in(shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    proof = service.Proof(service.find_claim(shenzhen, LOGIN), good=True)

    service.set_password(shenzhen, staff, hashed("another made-up one"), one_time=False, now=NOW)

    assert service.sign_in(shenzhen, proof, code="", now=NOW) is None


def test_the_twenty_first_sign_in_of_a_minute_from_one_address_is_refused(client: FlaskClient) -> None:
    before = [client.get("/api/v1/session/oidc").status_code for _ in range(20)]

    answer = sign_in(client)

    assert before == [404] * 20, "no single sign-on here, but each was counted"
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_a_hash_of_old_parameters_is_made_anew(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    staff.password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    shenzhen.flush()

    sign_in(client)

    shenzhen.refresh(staff)
    assert staff.password_hash is not None
    assert staff.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert sign_in(client).status_code == 201


def test_neither_login_nor_password_nor_token_reaches_the_log(
    client: FlaskClient, shenzhen: Session, caplog: pytest.LogCaptureFixture
) -> None:
    make_account(shenzhen)
    caplog.set_level(logging.DEBUG)

    good, bad = sign_in(client), sign_in(client, password="not the password")

    assert (good.status_code, bad.status_code) == (201, 401)
    assert "request" in caplog.text
    said = str([vars(record) for record in caplog.records])
    assert not any(word in said for word in (LOGIN, PASSWORD, "not the password", good.get_json()["token"]))


def test_nothing_that_was_secret_is_in_the_database(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen)
    token = sign_in(client).get_json()["token"]
    secret = confirm_code(client, LOGIN)

    shenzhen.refresh(staff)
    kept = str([vars(staff), *(vars(row) for row in shenzhen.query(Token).filter_by(staff_id=staff.id))])
    assert "digest" in kept
    assert not any(word in kept for word in (PASSWORD, token, secret))


def confirm_code(client: FlaskClient, login: str) -> str:
    """Set up a second factor and give its secret; the code of now is used up by it."""
    headers = session_of(client, login=login)
    secret = client.post("/api/v1/me/totp", headers=headers).get_json()["secret"]
    answer = client.put("/api/v1/me/totp", headers=headers, json={"code": pyotp.TOTP(secret).now()})
    assert answer.status_code == 204, answer.text
    return str(secret)


@pytest.fixture
def secret(client: FlaskClient, shenzhen: Session) -> str:
    make_account(shenzhen)
    return confirm_code(client, LOGIN)


def code_at(secret: str, seconds: int) -> tuple[str, dt.datetime]:
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return pyotp.TOTP(secret).at(now), now


def test_with_a_second_factor_only_a_fresh_code_lets_in_and_only_once(shenzhen: Session, secret: str) -> None:
    proof = service.Proof(service.find_claim(shenzhen, LOGIN), good=True)
    code, now = code_at(secret, 60)

    first = service.sign_in(shenzhen, proof, code=f" {code[:3]} {code[3:]}", now=now)
    again = service.sign_in(shenzhen, proof, code=code, now=now)
    older = service.sign_in(shenzhen, proof, code=code_at(secret, 30)[0], now=now)
    newer = service.sign_in(shenzhen, proof, code=code_at(secret, 90)[0], now=now)

    assert first is not None
    assert again is None
    assert older is None, "a code from before one that was used"
    assert newer is not None, "a phone half a minute ahead"


def test_a_code_of_another_time_is_refused(shenzhen: Session, secret: str) -> None:
    proof = service.Proof(service.find_claim(shenzhen, LOGIN), good=True)
    code, now = code_at(secret, 600)

    assert service.sign_in(shenzhen, proof, code=code, now=now - dt.timedelta(seconds=61)) is None
    assert service.sign_in(shenzhen, proof, code=code, now=now + dt.timedelta(seconds=61)) is None
    assert service.sign_in(shenzhen, proof, code="１２３４５６", now=now) is None


def test_a_wrong_password_uses_no_code_up(shenzhen: Session, secret: str) -> None:
    claim = service.find_claim(shenzhen, LOGIN)
    code, now = code_at(secret, 60)

    wrong = service.sign_in(shenzhen, service.Proof(claim, good=False), code=code, now=now)
    right = service.sign_in(shenzhen, service.Proof(claim, good=True), code=code, now=now)

    assert wrong is None
    assert right is not None


def test_a_session_is_a_token_of_its_own_kind(client: FlaskClient, shenzhen: Session) -> None:
    staff = make_account(shenzhen)

    session_of(client)

    assert [row.kind for row in shenzhen.query(Token).filter_by(staff_id=staff.id)] == [TokenKind.SESSION]
