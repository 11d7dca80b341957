"""Single sign-on against a small provider of our own, over real HTTP on loopback."""

from __future__ import annotations

import dataclasses
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import Key, OctKey, RSAKey
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts import keys, service, sso
from app.accounts.models import Staff
from app.config import Settings
from app.errors import SettingsFault
from tests.accounts.people import make_account
from tests.accounts.provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.make import NOW, make_person
from tests.waiting import PATIENCE_S

START = "/api/v1/session/oidc"


@pytest.fixture
def provider(settings: Settings, app: Flask) -> Iterator[Provider]:
    """Give a running provider that the service is set up for."""
    with running_provider() as provider:
        registered: dict[str, Any] = {
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
        }
        keys.configure(dataclasses.replace(settings, **registered))
        yield provider
        keys.configure(settings)


def go(client: FlaskClient) -> str:
    """Walk to the provider and back to our door; give the address at which the browser knocks."""
    start = client.get(START)
    assert start.status_code == 302, start.text
    back = requests.get(start.headers["Location"], allow_redirects=False, timeout=PATIENCE_S).headers["Location"]
    parts = urlsplit(back)
    assert f"{parts.scheme}://{parts.netloc}" == "http://reports.example.org"
    return f"{parts.path}?{parts.query}"


def walk(client: FlaskClient) -> TestResponse:
    return client.get(go(client))


def slug(answer: TestResponse) -> str:
    return str(answer.get_json()["type"].rpartition("#")[2])


def test_who_the_provider_knows_by_verified_mail_is_bound_and_found_again(
    client: FlaskClient, shenzhen: Session, provider: Provider
) -> None:
    staff = make_account(shenzhen)

    first = walk(client)
    provider.claims = {"email": "married@example.org", "email_verified": None}
    again = walk(client)

    assert first.status_code == again.status_code == 200, first.text
    assert first.headers["Cache-Control"] == "no-store"
    shenzhen.refresh(staff)
    assert staff.subject == f"{provider.issuer}|person-1"
    assert again.get_json()["person"]["id"] == str(staff.id)
    assert not first.get_json()["must_change_password"]
    me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {first.get_json()['token']}"})
    assert (me.status_code, me.get_json()["kind"]) == (200, "session")


def test_the_cookie_is_for_this_door_only_and_tells_nothing(client: FlaskClient, provider: Provider) -> None:
    start = client.get(START)

    cookie = start.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", f"Path={START}", "Max-Age=600"} <= set(cookie.split("; "))
    state = start.headers["Location"].partition("state=")[2].partition("&")[0]
    assert len(state) == 43
    assert state not in cookie
    assert start.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_a_mail_address_that_is_not_verified_finds_nobody(
    client: FlaskClient, shenzhen: Session, provider: Provider, verified: object
) -> None:
    make_account(shenzhen)
    provider.claims = {"email_verified": verified}

    answer = walk(client)

    assert (answer.status_code, slug(answer)) == (403, "not-one-of-us")


def test_who_is_unknown_disabled_bound_to_another_or_a_machine_is_not_let_in(
    client: FlaskClient, shenzhen: Session, provider: Provider
) -> None:
    unknown = walk(client)
    staff = make_account(shenzhen)
    service.disable_staff(shenzhen, staff, now=NOW)
    disabled = walk(client)
    service.enable_staff(staff)
    staff.subject = f"{provider.issuer}|person-2"
    shenzhen.flush()
    another = walk(client)
    staff.subject, staff.machine = None, True
    shenzhen.flush()
    machine = walk(client)

    answers = [unknown, disabled, another, machine]
    assert [(answer.status_code, slug(answer)) for answer in answers] == [(403, "not-one-of-us")] * 4
    assert "administrator" in unknown.get_json()["detail"]


def test_the_same_subject_of_another_issuer_is_another_person(
    client: FlaskClient, shenzhen: Session, provider: Provider
) -> None:
    person, _ = make_person(shenzhen)
    shenzhen.get_one(Staff, person.id).subject = "https://elsewhere.example.org|person-1"
    shenzhen.flush()

    assert walk(client).status_code == 403


def _moment(value: object) -> object:
    """Give the moment that lies some seconds from now; a name of a test must not hold the time."""
    return int(time.time()) + value if isinstance(value, int) else value


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-on"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"iss": "https://elsewhere.example.org"},
        {"exp": -120},  # seconds from now
        {"exp": None},
        {"iat": 600},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_on_lets_nobody_in(
    client: FlaskClient, shenzhen: Session, provider: Provider, claims: dict[str, object]
) -> None:
    make_account(shenzhen)
    provider.claims = {name: _moment(value) for name, value in claims.items()}

    answer = walk(client)

    assert (answer.status_code, slug(answer)) == (400, "sign-on-failed"), claims
    provider.claims = {}
    assert walk(client).status_code == 200, "it was the claim and nothing else"


def signed(key: Key, algorithm: str) -> Callable[[dict[str, Any]], str]:
    return lambda claims: jwt.encode({"alg": algorithm, "kid": "first"}, claims, key, algorithms=[algorithm])


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "kid": "first"}, claims)
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "sign",
    [
        signed(RSAKey.generate_key(2048, {"kid": "first"}), "RS256"),
        signed(OctKey.import_key(CLIENT_SECRET * 2), "HS256"),
        unsigned,
        lambda _: "no token",
        lambda _: "",
    ],
    ids=["another key", "a shared secret", "nothing", "no token", "empty"],
)
def test_a_token_that_the_providers_key_did_not_sign_lets_nobody_in(
    client: FlaskClient, shenzhen: Session, provider: Provider, sign: Callable[[dict[str, Any]], str]
) -> None:
    make_account(shenzhen)
    provider.sign = sign
    bent = walk(client)
    provider.sign = signed(provider.key, "RS256")

    assert slug(bent) == "sign-on-failed"
    assert walk(client).status_code == 200


def test_a_new_key_of_the_provider_is_fetched(client: FlaskClient, shenzhen: Session, provider: Provider) -> None:
    make_account(shenzhen)
    assert walk(client).status_code == 200
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    within_a_minute = walk(client)
    kept = sso._kept[f"{provider.issuer}/keys"]
    sso._kept[f"{provider.issuer}/keys"] = (kept[0] - 61, kept[1])

    later = walk(client)

    assert slug(within_a_minute) == "sign-on-failed"
    assert later.status_code == 200


def test_description_and_keys_are_asked_for_once_an_hour(
    client: FlaskClient, shenzhen: Session, provider: Provider
) -> None:
    make_account(shenzhen)

    for _ in range(3):
        assert walk(client).status_code == 200

    assert provider.asked.count("/.well-known/openid-configuration") == 1
    assert provider.asked.count("/keys") == 1
    sso._kept.update({url: (kept[0] - 3601, kept[1]) for url, kept in sso._kept.items()})
    assert walk(client).status_code == 200
    assert provider.asked.count("/.well-known/openid-configuration") == 2


def test_a_sign_on_of_another_browser_or_of_nobody_goes_nowhere(
    app: Flask, client: FlaskClient, shenzhen: Session, provider: Provider
) -> None:
    make_account(shenzhen)
    theirs = go(app.test_client())

    without_cookie = app.test_client().get(theirs)
    client.get(START)
    other_cookie = client.get(theirs)

    assert [slug(without_cookie), slug(other_cookie)] == ["sign-on-failed"] * 2
    assert "/token" not in provider.asked


def test_a_cookie_that_was_changed_or_is_too_old_is_not_believed(client: FlaskClient, provider: Provider) -> None:
    back = go(client)
    cookie = client.get_cookie("sign-on", path=START)
    assert cookie is not None

    client.set_cookie("sign-on", cookie.value[:-2], path=START)
    forged = client.get(back)
    box = keys.current().sign_on
    old = box.encrypt_at_time(box.decrypt(cookie.value.encode()), int(time.time()) - sso.COOKIE_SECONDS - 1)
    client.set_cookie("sign-on", old.decode(), path=START)
    late = client.get(back)

    assert [slug(forged), slug(late)] == ["sign-on-failed"] * 2


def test_a_code_works_once(client: FlaskClient, shenzhen: Session, provider: Provider) -> None:
    make_account(shenzhen)
    back = go(client)
    cookie = client.get_cookie("sign-on", path=START)
    assert cookie is not None

    first = client.get(back)
    gone = client.get_cookie("sign-on", path=START)
    client.set_cookie("sign-on", cookie.value, path=START)
    again = client.get(back)

    assert first.status_code == 200
    assert gone is None
    assert slug(again) == "sign-on-failed"


def test_who_says_no_at_the_provider_comes_back_to_a_clear_word(client: FlaskClient, provider: Provider) -> None:
    answer = client.get(f"{START}/callback?error=access_denied&error_description=no&state=x")

    assert (answer.status_code, slug(answer)) == (400, "sign-on-failed")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://elsewhere.example.org"},
        {"token_endpoint": None},
        {"authorization_endpoint": "http://elsewhere.example.org/authorize"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(
    client: FlaskClient, provider: Provider, document: dict[str, object]
) -> None:
    provider.document = document

    answer = client.get(START)

    assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")


def test_a_provider_that_does_not_answer_is_said_to_be_so(client: FlaskClient, provider: Provider) -> None:
    provider.broken = True

    answer = client.get(START)

    assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")
    assert answer.headers["Retry-After"]


def test_without_a_provider_there_is_no_single_sign_on(client: FlaskClient) -> None:
    answer = client.get(START)

    assert (answer.status_code, slug(answer)) == (404, "no-single-sign-on")


REST = {"DATABASE_URL": "postgresql+psycopg:///x", "MEDIA_ROOT": "x", "SECRET_KEY": "x" * 32}


@pytest.mark.parametrize(
    ("issuer", "client_id", "fault"),
    [
        ("http://sso.example.org", "x", "no https"),
        ("sso.example.org", "x", "no https"),
        ("https://sso.example.org", "", "OIDC_CLIENT_ID is missing"),
    ],
)
def test_settings_of_an_unsafe_provider_are_refused(issuer: str, client_id: str, fault: str) -> None:
    environment = {
        "DATABASE_URL": "postgresql+psycopg:///x",
        "MEDIA_ROOT": "x",
        "SECRET_KEY": "x" * 32,
        "OIDC_ISSUER": issuer,
    }

    with pytest.raises(SettingsFault, match=fault):
        Settings.from_environment(environment | {"OIDC_CLIENT_ID": client_id})


def test_a_provider_on_this_machine_needs_no_https() -> None:
    environment = {
        "DATABASE_URL": "postgresql+psycopg:///x",
        "MEDIA_ROOT": "x",
        "SECRET_KEY": "x" * 32,
        "OIDC_CLIENT_ID": "x",
    }

    settings = Settings.from_environment(environment | {"OIDC_ISSUER": "http://127.0.0.1:9000/realm"})

    assert settings.oidc_issuer == "http://127.0.0.1:9000/realm"
    assert "made-up" not in repr(dataclasses.replace(settings, oidc_client_secret="made-up"))
