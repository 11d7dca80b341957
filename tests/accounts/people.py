"""People with passwords, as the tests of accounts need them."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts import passwords, service
from app.accounts.models import Staff
from app.accounts.roles import Role
from tests.make import CITY, NOW

PASSWORD = "four made-up words here"
LOGIN = "someone@example.org"

Headers = dict[str, str]


@cache
def hashed(password: str) -> str:
    return passwords.hash_password(password)


def make_account(
    session: Session, role: Role = Role.CREW, *, login: str = LOGIN, unit: str = "*", area: str = CITY
) -> Staff:
    """Add somebody who signs in with PASSWORD."""
    staff = service.add_staff(session, name=f"Made-up {login}", role=role, unit=unit, area=area, login=login, now=NOW)
    service.set_password(session, staff, hashed(PASSWORD), one_time=False, now=NOW)
    return staff


def sign_in(client: FlaskClient, *, login: str = LOGIN, password: str = PASSWORD, **more: Any) -> TestResponse:
    return client.post("/api/v1/session", json={"login": login, "password": password} | more)


def session_of(client: FlaskClient, **given: Any) -> Headers:
    """Sign in and give the headers of the session."""
    answer = sign_in(client, **given)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}
