"""Alembic's environment: the owner's connection, the models, and the application's rights after each upgrade."""

from __future__ import annotations

import importlib
from typing import Any

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection, TypeDecorator, create_engine, make_url, text

from app.config import Settings
from app.db import Base

MODELS = (
    "app.api.ratelimit",
    "app.geo.models",
    "app.media.models",
    "app.catalogue.models",
    "app.assets.models",
    "app.accounts.models",
    "app.workorders.models",
    "app.dispatch.models",
    "app.fieldwork.models",
    "app.dispatch.rule_models",
    "app.notify.models",
    "app.reports.models",
)
# The application adds lines of history and never changes them; payloads may be erased.
APPEND_ONLY = ("timeline_events",)


def include(thing: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:  # Alembic's signature
    """Leave out the job queue's tables and PostGIS's own."""
    if kind == "table" and name is not None and (name.startswith("procrastinate") or name == "spatial_ref_sys"):
        return False
    return bool(alembic_helpers.include_object(thing, name, kind, reflected, compared))


def render(kind: str, thing: Any, autogenerate: Any) -> Any:
    """Write a type of ours as the library's type beneath it, so that migrations do not depend on the code of today."""
    if kind == "type" and isinstance(thing, TypeDecorator):
        thing = thing.impl
    return alembic_helpers.render_item(kind, thing, autogenerate)


def grant(connection: Connection, settings: Settings) -> None:
    """Give the application's role what it needs and no more, where it is another role than the owner."""
    role = make_url(settings.database_url).username
    if role is None or role == make_url(settings.database_owner_url).username:
        return
    name = connection.dialect.identifier_preparer.quote(role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name}",
    ):
        connection.execute(text(statement))
    for table in APPEND_ONLY:
        if connection.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar():
            connection.execute(text(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name}"))


def run(connection: Connection, settings: Settings) -> None:
    """Run the migrations, each in its own transaction, then grant."""
    for module in MODELS:
        importlib.import_module(module)
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include,
        process_revision_directives=alembic_helpers.writer,
        render_item=render,
        transaction_per_migration=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    grant(connection, settings)
    connection.commit()


def main() -> None:
    """Connect as the owner, or use the connection that a test brought."""
    settings: Settings = context.config.attributes["settings"]
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        run(given, settings)
        return
    engine = create_engine(settings.database_owner_url)
    with engine.connect() as connection:
        run(connection, settings)
    engine.dispose()


main()
