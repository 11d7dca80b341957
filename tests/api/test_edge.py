from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.cli import demo
from app.accounts.models import Staff, Token
from app.accounts.roles import STAFF_ROLES, Role
from app.api import ratelimit
from app.api.ratelimit import RateCount, forget_counts
from app.config import Settings
from app.errors import SettingsFault
from tests.databases import SECRET
from tests.make import NOW, YUEHAI, make_person


def report() -> dict[str, object]:
    lon, lat = YUEHAI
    return {"lon": lon, "lat": lat, "item": "B0121"}


@pytest.fixture
def limited(app: Flask) -> Iterator[Flask]:
    app.config["REPORTS_PER_MINUTE"] = 2
    yield app
    app.config["REPORTS_PER_MINUTE"] = 0


def test_the_third_of_two_allowed_writes_is_refused_and_says_when_to_come_back(
    limited: Flask, client: FlaskClient, shenzhen: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "utcnow", lambda: NOW)  # requests are counted by the minute
    answers = [client.post("/api/v1/reports", json=report()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    counts = shenzhen.query(RateCount).all()
    assert all(b"127.0.0.1" not in count.address for count in counts)


def test_counts_of_past_minutes_are_forgotten(shenzhen: Session) -> None:
    shenzhen.add(RateCount(address=b"x", window_start=NOW, requests=1))
    shenzhen.flush()

    forget_counts(NOW + dt.timedelta(minutes=3))

    assert shenzhen.query(RateCount).count() == 0


def test_a_database_that_does_not_answer_is_503_and_nothing_was_kept(app: Flask) -> None:
    with app.test_request_context("/api/v1/reports"):
        answer = app.make_response(app.handle_user_exception(OperationalError("SELECT 1", None, Exception("gone"))))

    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"]


def test_every_answer_has_a_request_id_and_tells_no_referrer(client: FlaskClient) -> None:
    given = client.get("/healthz", headers={"X-Request-Id": "from-the-proxy-1"})
    odd = client.get("/healthz", headers={"X-Request-Id": "<script>"})

    assert given.headers["X-Request-Id"] == "from-the-proxy-1"
    assert odd.headers["X-Request-Id"] != "<script>"
    assert given.headers["Referrer-Policy"] == "no-referrer"


def test_a_token_ends_by_time_by_revocation_and_with_its_person(shenzhen: Session) -> None:
    person, token = make_person(shenzhen)
    now = dt.datetime.now(dt.UTC)
    row = shenzhen.query(Token).filter_by(staff_id=person.id).one()
    staff = shenzhen.get_one(Staff, person.id)

    assert accounts.find_person(shenzhen, token, now=now) == person
    assert accounts.find_person(shenzhen, token, now=now + dt.timedelta(days=91)) is None
    row.revoked_at = now
    shenzhen.flush()
    assert accounts.find_person(shenzhen, token, now=now) is None
    row.revoked_at, staff.disabled_at = None, now
    shenzhen.flush()
    assert accounts.find_person(shenzhen, token, now=now) is None
    assert token.encode() not in row.digest


def test_no_person_has_the_role_of_the_service(shenzhen: Session) -> None:
    with pytest.raises(ValueError, match="nobody's account"):
        make_person(shenzhen, Role.SYSTEM)


def test_demo_tokens_are_made_once_and_kept(app: Flask, shenzhen: Session, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"25025": {"crew": "of another city"}, "crew": "of an older file"}')
    runner = app.test_cli_runner()

    first = runner.invoke(demo, ["--file", str(path)])
    again = runner.invoke(demo, ["--file", str(path)])

    assert first.exit_code == 0, first.output
    assert first.output == again.output
    assert {role.value for role in STAFF_ROLES} == set(first.output.split()[::2])
    kept = json.loads(path.read_text())
    assert set(kept) == {"25025", "440300"}
    assert kept["25025"] == {"crew": "of another city"}


def test_missing_settings_are_reported_together() -> None:
    with pytest.raises(SettingsFault, match=r"DATABASE_URL is missing.*SECRET_KEY is missing.*MEDIA_ROOT is missing"):
        Settings.from_environment({})


def test_a_setting_that_is_no_number_and_a_short_key_are_named() -> None:
    environment = {"DATABASE_URL": "x", "MEDIA_ROOT": "x", "SECRET_KEY": "short", "TRUSTED_PROXIES": "one"}

    with pytest.raises(SettingsFault, match=r"TRUSTED_PROXIES is 'one'.*SECRET_KEY is shorter"):
        Settings.from_environment(environment)


def test_settings_never_show_their_secrets(settings: Settings) -> None:
    assert SECRET not in repr(replace(settings, smtp_url="smtp://user:made-up@mail.example.org"))
    assert "made-up@" not in repr(replace(settings, smtp_url="smtp://user:made-up@mail.example.org"))
