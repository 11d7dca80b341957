"""Failures of the database that pass are 503 with Retry-After, whoever wrapped them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask
from procrastinate.exceptions import ConnectorException
from psycopg import errors as codes
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import db
from app.config import Settings
from app.outages import Outage, outage_of
from tests.make import YUEHAI

Wrap = Callable[[psycopg.Error], Exception]
LON, LAT = YUEHAI
REPORT = {"lon": LON, "lat": LAT, "item": "B0121"}
PASSING = [
    (codes.ReadOnlySqlTransaction, Outage.READ_ONLY),
    (codes.DiskFull, Outage.DISK_FULL),
    (codes.CannotConnectNow, Outage.AWAY),
    (codes.AdminShutdown, Outage.AWAY),
    (codes.TooManyConnections, Outage.AWAY),
    (codes.IoError, Outage.AWAY),
    (codes.ConnectionFailure, Outage.AWAY),
    (psycopg.OperationalError, Outage.AWAY),
    (codes.IdleInTransactionSessionTimeout, Outage.BUSY),
    (codes.LockNotAvailable, Outage.BUSY),
    (codes.DeadlockDetected, Outage.BUSY),
]


def bare(cause: psycopg.Error) -> Exception:
    return cause


def by_sqlalchemy(cause: psycopg.Error) -> Exception:
    return DBAPIError.instance("INSERT", None, cause, psycopg.Error)


def by_the_queue(cause: psycopg.Error) -> Exception:
    error = ConnectorException()
    error.__cause__ = cause
    return error


@pytest.fixture
def engine(committed: Settings) -> Iterator[Engine]:
    """Give the application's own engine over a database of this test."""
    engine = db.connect(committed)
    yield engine
    engine.dispose()


@pytest.fixture
def owner(committed: Settings) -> Iterator[Engine]:
    engine = create_engine(committed.database_owner_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(("kind", "outage"), PASSING)
@pytest.mark.parametrize("wrap", [by_sqlalchemy, by_the_queue, bare])
def test_what_passes_is_503_whoever_wrapped_it(
    app: Flask, wrap: Wrap, kind: type[psycopg.Error], outage: Outage
) -> None:
    error = wrap(kind("made up"))

    with app.test_request_context("/api/v1/reports"):
        answer = app.make_response(app.handle_user_exception(error))

    assert outage_of(error) is outage
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.headers["Retry-After"]
    assert ("Nothing was kept" in answer.get_json()["detail"]) is (outage is not Outage.AWAY)


@pytest.mark.parametrize(
    "error",
    [
        by_the_queue(codes.UniqueViolation("made up")),
        by_the_queue(codes.UndefinedTable("made up")),
        by_sqlalchemy(codes.ProgramLimitExceeded("made up")),
        IntegrityError("INSERT", None, codes.CheckViolation("made up")),
        InternalError("SELECT", None, codes.InFailedSqlTransaction("made up")),
        ValueError("made up"),
    ],
)
def test_a_fault_of_ours_is_no_outage(app: Flask, error: Exception) -> None:
    with app.test_request_context("/api/v1/reports"):
        answer = app.make_response(app.handle_user_exception(error))

    assert outage_of(error) is None
    assert answer.status_code == 500


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_driver_that_gives_no_code_is_away(error: type[DBAPIError]) -> None:
    assert outage_of(error("SELECT 1", None, Exception("gone"))) is Outage.AWAY
    assert outage_of(PoolTimeout()) is Outage.AWAY


def test_a_server_that_became_read_only_is_503_and_is_left(app: Flask, engine: Engine, owner: Engine) -> None:
    client = app.test_client()
    before = client.post("/api/v1/reports", json=REPORT)
    name = owner.url.database
    with owner.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()  # as a demotion does: the connections of before end

    refused, page = client.post("/api/v1/reports", json=REPORT), client.post("/", data=REPORT | {"another": "1"})
    with owner.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    after = client.post("/api/v1/reports", json=REPORT)

    assert (before.status_code, refused.status_code, page.status_code, after.status_code) == (201, 503, 503, 201)
    assert "takes no writes" in refused.get_json()["detail"]
    assert refused.headers["Retry-After"] == page.headers["Retry-After"]


def test_a_session_that_was_ended_while_idle_in_a_transaction_is_an_outage(engine: Engine) -> None:
    with engine.connect() as idle, engine.connect() as other:
        pid, _ = idle.execute(
            text("SELECT pg_backend_pid(), set_config('idle_in_transaction_session_timeout', '10ms', false)")
        ).one()
        while other.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}):
            other.rollback()

        with pytest.raises(InternalError) as ended:
            idle.execute(text("SELECT 1"))

    assert outage_of(ended.value) is Outage.BUSY
