"""`flask staff`, as an operator types it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import service
from app.accounts.cli import staff
from app.accounts.models import Staff, Token
from app.db import utcnow
from tests.accounts.people import PASSWORD, sign_in

ADD = ["add", "Made-up Name", "--role", "crew", "--unit", "*", "--area", "440300"]


def flask_staff(app: Flask, *words: str, typed: str | None = None) -> Result:
    return app.test_cli_runner().invoke(staff, words, input=typed)


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_who_is_added_has_a_token_that_works(app: Flask, client: FlaskClient) -> None:
    (token,) = lines(flask_staff(app, *ADD))

    answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})

    assert answer.get_json()["name"] == "Made-up Name"


def test_tokens_are_issued_narrowed_listed_and_revoked(app: Flask, client: FlaskClient, shenzhen: Session) -> None:
    flask_staff(app, *ADD)
    (token,) = lines(flask_staff(app, "token", "Made-up Name", "--days", "3", "--scope", "read", "--scope", "file"))
    person = service.find_person(shenzhen, token, now=utcnow())

    narrow, wide = lines(flask_staff(app, "tokens", "Made-up Name"))

    assert person is not None
    assert person.scopes == ("read", "file")
    assert re.search(r"personal .*read,file  used .* until ", narrow)
    assert "all  never used" in wide
    assert token not in narrow
    assert lines(flask_staff(app, "revoke", narrow.split()[0])) == []
    assert len(lines(flask_staff(app, "tokens", "Made-up Name"))) == 1
    assert service.find_person(shenzhen, token, now=utcnow()) is None


def test_who_is_disabled_is_out_until_enabled(app: Flask, shenzhen: Session) -> None:
    (token,) = lines(flask_staff(app, *ADD))

    lines(flask_staff(app, "disable", "Made-up Name"))
    assert service.find_person(shenzhen, token, now=utcnow()) is None
    assert "disabled" in lines(flask_staff(app, "list"))[0]
    lines(flask_staff(app, "enable", "Made-up Name"))
    (fresh,) = lines(flask_staff(app, "token", "Made-up Name"))

    assert service.find_person(shenzhen, token, now=utcnow()) is None
    assert service.find_person(shenzhen, fresh, now=utcnow()) is not None


def test_a_password_is_asked_for_and_never_shown(app: Flask, client: FlaskClient, shenzhen: Session) -> None:
    lines(flask_staff(app, *ADD, "--login", "Someone@example.org"))

    result = flask_staff(app, "password", "Made-up Name", typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    answer = sign_in(client)
    assert answer.status_code == 201
    assert not answer.get_json()["must_change_password"]


def test_a_login_can_be_given_with_the_password(app: Flask, client: FlaskClient, shenzhen: Session) -> None:
    lines(flask_staff(app, *ADD))
    typed = f"{PASSWORD}\n{PASSWORD}\n"

    without = flask_staff(app, "password", "Made-up Name", typed=typed)
    given = flask_staff(app, "password", "Made-up Name", "--login", "someone@example.org", typed=typed)

    assert without.exit_code == 1
    assert given.exit_code == 0, given.output
    assert sign_in(client).status_code == 201


def test_the_list_names_everybody(app: Flask, client: FlaskClient, shenzhen: Session) -> None:
    lines(flask_staff(app, *ADD, "--login", "someone@example.org"))

    assert lines(flask_staff(app, "list")) == ["Made-up Name  crew  unit *  area 440300  login someone@example.org"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token", "Nobody"], "no account named 'Nobody'"),
        (["tokens", "Nobody"], "no account named 'Nobody'"),
        (["disable", "Nobody"], "no account named 'Nobody'"),
        (["enable", "Nobody"], "no account named 'Nobody'"),
        (["revoke", str(UUID(int=1))], "no token of this id"),
        ([*ADD[:-1], "999999"], "no area '999999'"),
        ([*ADD[:4], "--unit", "made-up", "--area", "440300"], "no unit 'made-up'"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(app: Flask, client: FlaskClient, words: list[str], said: str) -> None:
    result = flask_staff(app, *words)

    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_name_that_is_taken_is_said_in_one_line_and_nothing_is_kept(
    app: Flask, client: FlaskClient, shenzhen: Session
) -> None:
    flask_staff(app, *ADD)

    again = flask_staff(app, *ADD)

    assert again.exit_code == 1
    assert "Another account has this name" in again.stderr
    assert (shenzhen.query(Staff).count(), shenzhen.query(Token).count()) == (1, 1)


def test_a_weak_password_is_refused(app: Flask, client: FlaskClient, shenzhen: Session) -> None:
    flask_staff(app, *ADD, "--login", "someone@example.org")

    result = flask_staff(app, "password", "Made-up Name", typed="short\nshort\n")

    assert result.exit_code == 1
    assert "at least 12 characters" in result.stderr
