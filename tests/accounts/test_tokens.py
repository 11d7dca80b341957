"""Tokens: what they are good for, when they were used, when they end."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from app import db
from app.accounts import queries, service
from app.accounts.errors import NoSuchToken
from app.accounts.models import Staff, Token
from app.accounts.roles import Role, Scope, TokenKind
from app.config import Settings
from tests.make import CITY, NOW, make_person


@pytest.fixture
def staff(shenzhen: Session) -> Staff:
    return service.add_staff(shenzhen, name="Made-up", role=Role.CREW, unit="*", area=CITY, now=NOW)


def statements_of(session: Session, token: str, *, now: dt.datetime) -> list[str]:
    """Look a token up and give the first words of the statements that this took."""
    seen: list[str] = []

    def hear(_c: Connection, _u: object, statement: str, *_: object) -> None:
        seen.append(statement.split(maxsplit=1)[0])

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", hear)
    assert service.find_person(session, token, now=now) is not None
    event.remove(connection, "before_cursor_execute", hear)
    return [word for word in seen if word not in {"SAVEPOINT", "RELEASE"}]


def test_a_use_is_noted_at_most_once_a_minute(shenzhen: Session, staff: Staff) -> None:
    token = service.issue_token(shenzhen, staff, label="x", now=NOW)

    def at(seconds: int) -> list[str]:
        return statements_of(shenzhen, token, now=NOW + dt.timedelta(seconds=seconds))

    assert at(0) == ["SELECT", "UPDATE"]
    assert at(59) == ["SELECT"]
    assert at(60) == ["SELECT", "UPDATE"]
    (row,) = queries.list_tokens(shenzhen, staff.id, now=NOW)
    shenzhen.refresh(row)
    assert row.last_used_at == NOW + dt.timedelta(seconds=60)


def test_a_token_tells_its_kind_and_what_it_is_good_for(shenzhen: Session, staff: Staff) -> None:
    wide = service.issue_token(shenzhen, staff, label="x", now=NOW)
    narrow = service.issue_token(shenzhen, staff, label="x", scopes=[Scope.READ, Scope.FILE], now=NOW)
    nothing = service.issue_token(shenzhen, staff, label="x", scopes=[], kind=TokenKind.SESSION, now=NOW)

    found = [service.find_person(shenzhen, token, now=NOW) for token in (wide, narrow, nothing)]

    assert [(one.token_kind, one.scopes) for one in found if one] == [
        (TokenKind.PERSONAL, None),
        (TokenKind.PERSONAL, ("read", "file")),
        (TokenKind.SESSION, ()),
    ]
    assert found[0] == found[1], "a token is no part of who somebody is"


def test_a_token_of_a_machine_is_a_key_whatever_was_asked(shenzhen: Session, staff: Staff) -> None:
    staff.machine = True

    token = service.issue_token(shenzhen, staff, label="x", kind=TokenKind.SESSION, now=NOW)

    person = service.find_person(shenzhen, token, now=NOW)
    assert person is not None
    assert person.token_kind is TokenKind.MACHINE


def test_only_tokens_that_can_be_used_are_listed(shenzhen: Session, staff: Staff) -> None:
    for label, days in (("ended", 1), ("revoked", 9), ("good", 9)):
        service.issue_token(shenzhen, staff, label=label, days=days, now=NOW)
    revoked = shenzhen.query(Token).filter_by(label="revoked").one()

    service.revoke_token(shenzhen, revoked.id, staff_id=staff.id, now=NOW)
    service.revoke_token(shenzhen, revoked.id, staff_id=staff.id, now=NOW + dt.timedelta(days=1))

    listed = queries.list_tokens(shenzhen, staff.id, now=NOW + dt.timedelta(days=1))
    assert [row.label for row in listed] == ["good"]
    assert revoked.revoked_at == NOW, "the first time counts"


def test_nobody_revokes_a_token_of_another_by_mistake(shenzhen: Session, staff: Staff) -> None:
    person, _ = make_person(shenzhen)
    token = shenzhen.query(Token).filter_by(staff_id=person.id).one()

    with pytest.raises(NoSuchToken):
        service.revoke_token(shenzhen, token.id, staff_id=staff.id, now=NOW)

    assert token.revoked_at is None


def test_a_use_is_kept_though_the_lookup_opens_no_transaction(committed: Settings) -> None:
    with db.Session.begin() as session:
        person = service.add_staff(session, name="Kept", role=Role.CREW, unit="*", area=CITY, now=NOW)
        token = service.issue_token(session, person, label="x", now=NOW)

    with db.Reading() as session:
        service.find_person(session, token, now=NOW)

    with db.Session.begin() as session:
        assert session.query(Token).filter_by(staff_id=person.id).one().last_used_at == NOW
