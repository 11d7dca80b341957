"""What the application's role of the database may not do, tried with that role."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from app.config import Settings
from app.db import Base

# A permission is asked for before any row is looked at: an empty table refuses as a full one does.
REFUSED = (
    "UPDATE timeline_events SET by = 'x'",
    "DELETE FROM timeline_events",
    "UPDATE timeline_payloads SET content = '{}'",
    "UPDATE anchors SET root = ''",
    "DELETE FROM anchors",
    "UPDATE reports SET description = 'x'",
    "DELETE FROM reports",
    "UPDATE report_photos SET position = 1",
    "DELETE FROM report_photos",
    "DELETE FROM report_links",
    "UPDATE evidence SET after = true",
    "DELETE FROM evidence",
    "DELETE FROM work_orders",
    "DELETE FROM deadlines",
    "DELETE FROM assignments",
    "UPDATE taken_steps SET digest = ''",
    "DELETE FROM taken_steps",
    "DELETE FROM disputes",
    "DELETE FROM declines",
    "DELETE FROM supervisions",
    "DELETE FROM notices",
    "DELETE FROM evidence_checks",
    "DELETE FROM ratings",
    "DELETE FROM spot_checks",
    "DELETE FROM subscriptions",
    "DELETE FROM deliveries",
    "DELETE FROM delivery_attempts",
    "UPDATE pack_versions SET digest = 'x'",
    "DELETE FROM pack_versions",
    "UPDATE areas SET code = 'x'",
    "DELETE FROM areas",
    "UPDATE units SET role = 'x'",
    "DELETE FROM units",
    "UPDATE items SET code = 'x'",
    "DELETE FROM items",
    "UPDATE responsibilities SET unit = 'x'",
    "DELETE FROM responsibilities",
    "UPDATE assets SET owner = 'x'",
    "DELETE FROM assets",
    "DELETE FROM staff",
    "DELETE FROM tokens",
    "UPDATE installation SET key_check = ''",
    "DELETE FROM installation",
    "INSERT INTO alembic_version VALUES ('x')",
    "UPDATE alembic_version SET version_num = 'x'",
    "DELETE FROM alembic_version",
    "ALTER TABLE timeline_events DISABLE TRIGGER ALL",
    "CREATE TABLE more (id int)",
)
TABLES = sorted(Base.metadata.tables)


@pytest.mark.parametrize("statement", [*REFUSED, *(f"TRUNCATE {table} CASCADE" for table in TABLES)])
def test_the_application_is_refused(settings: Settings, statement: str) -> None:
    engine = create_engine(settings.database_url, poolclass=NullPool)

    with engine.connect() as connection, pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM timeline_payloads",  # erasing words
        "DELETE FROM photos",
        "DELETE FROM rate_counts",
        "UPDATE work_orders SET flags = '[]'",
        "UPDATE items SET until = 1",
        "SELECT FROM work_orders FOR UPDATE",
        "DELETE FROM procrastinate_jobs",
    ],
)
def test_the_application_is_allowed(settings: Settings, statement: str) -> None:
    engine = create_engine(settings.database_url, poolclass=NullPool)

    with engine.connect() as connection:
        connection.execute(text(statement))


def test_every_table_is_named_among_the_rights_of_the_application(settings: Settings) -> None:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    unnamed = text("SELECT t FROM unnest(CAST(:tables AS text[])) AS t WHERE NOT has_table_privilege(t, 'INSERT')")

    with engine.connect() as connection:
        found = connection.scalars(unnamed, {"tables": sorted(Base.metadata.tables)}).all()

    assert found == [], "add them to RIGHTS in migrations/env.py"
