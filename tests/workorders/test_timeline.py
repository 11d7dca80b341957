from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.config import Settings
from app.db import Session as Sessions
from app.workorders.queries import history
from app.workorders.timeline import GENESIS, canonical, event_hash
from tests.make import make_work_order


def test_the_chain_verifies_and_a_changed_word_breaks_it(shenzhen: Session) -> None:
    work_order = make_work_order(shenzhen)

    events = history(shenzhen, work_order.id, public_only=False)

    previous = GENESIS
    for event in events:
        assert event.previous == previous
        assert event.hash == event_hash(event)
        assert event.payload is not None
        assert event.payload_digest == hashlib.sha256(event.payload.salt + canonical(event.payload.content)).digest()
        previous = event.hash
    assert work_order.head == previous
    events[0].by = "somebody else"
    assert events[0].hash != event_hash(events[0])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE timeline_events SET by = 'x'",
        "DELETE FROM timeline_events",
        "TRUNCATE timeline_events",
        "DROP TABLE reports",
    ],
)
def test_the_role_of_the_application_cannot_change_history_or_tables(committed: Settings, statement: str) -> None:
    with Sessions.begin() as session:
        make_work_order(session)
    engine = create_engine(committed.database_url, poolclass=NullPool)

    with engine.connect() as connection, pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        connection.execute(text(statement))
