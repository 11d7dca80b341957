"""Alembic's environment: the owner's connection, the models, and the application's rights after each upgrade."""

from __future__ import annotations

import importlib
from typing import Any

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection, TypeDecorator, create_engine, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.config import Settings
from app.conninfo import connection_parameters
from app.db import Base
from app.installation import record_installation, require_same_key

MODELS = (
    "app.installation",
    "app.api.ratelimit",
    "app.restores",
    "app.setbacks",
    "app.geo.models",
    "app.media.models",
    "app.catalogue.models",
    "app.assets.models",
    "app.accounts.models",
    "app.workorders.models",
    "app.workorders.anchors",
    "app.dispatch.models",
    "app.fieldwork.models",
    "app.dispatch.rule_models",
    "app.notify.models",
    "app.notify.webhook_models",
    "app.reports.models",
    "app.reports.pair_models",
    "app.publicmap.models",
    "app.duplicates.answers",
)
# What the application may do with each table besides reading it; a table that is not named here it may only read.
# fmt: off
RIGHTS = {
    # History: lines and anchors are added, never changed or removed. Erasing words removes the row of a payload.
    "timeline_events":   "INSERT",
    "timeline_payloads": "INSERT, DELETE",
    "anchors":           "INSERT",
    # What residents sent and crews brought stays as it came; what happens to it lies beside it.
    "reports":           "INSERT",
    "report_photos":     "INSERT",
    "report_links":      "INSERT, UPDATE",
    "regroupings":       "INSERT, UPDATE",
    "evidence":          "INSERT",
    "work_orders":       "INSERT, UPDATE",
    "deadlines":         "INSERT, UPDATE",
    "assignments":       "INSERT, UPDATE",
    "taken_steps":       "INSERT",
    # Registers: what was decided is added, what became of it is written beside it.
    "disputes":          "INSERT, UPDATE",
    "declines":          "INSERT, UPDATE",
    "supervisions":      "INSERT, UPDATE",
    "notices":           "INSERT, UPDATE",
    "evidence_checks":   "INSERT, UPDATE",
    "ratings":           "INSERT, UPDATE",
    "spot_checks":       "INSERT, UPDATE",
    "proposals":         "INSERT, UPDATE",
    "photos":            "INSERT, UPDATE, DELETE",  # the sweep removes what nobody claimed
    "spooled_photos":    "INSERT, DELETE",  # moved into the store
    "photo_decisions":   "INSERT",
    "uploads":           "INSERT, UPDATE",  # goes with its photo
    "evidence_pairs":    "INSERT, UPDATE, DELETE",  # made anew at any time
    # The public map is derived and made anew at any time; what staff decided of words is kept.
    "work_order_changes": "INSERT, DELETE",
    "map_points":        "INSERT, UPDATE, DELETE",
    "map_cells":         "INSERT, UPDATE, DELETE",
    "text_decisions":    "INSERT, UPDATE",
    "waiting_words":     "INSERT, UPDATE, DELETE",
    "suggestions":       "INSERT",  # labels: what was answered stays
    # Who is told. An address is erased by emptying it.
    "contacts":          "INSERT, UPDATE",
    "subscriptions":     "INSERT, UPDATE",
    "deliveries":        "INSERT, UPDATE",
    "delivery_attempts": "INSERT, UPDATE",
    "webhooks":          "INSERT, UPDATE, DELETE",
    "webhook_deliveries": "INSERT, UPDATE, DELETE",
    # What city packs bring: the load closes rows and adds others.
    "pack_versions":     "INSERT",
    "calendar_warnings": "INSERT",
    "areas":             "INSERT, UPDATE (until)",
    "units":             "INSERT, UPDATE (until)",
    "items":             "INSERT, UPDATE (until)",
    "responsibilities":  "INSERT, UPDATE (until)",
    "assets":            "INSERT, UPDATE (until)",
    "staff":             "INSERT, UPDATE",
    "tokens":            "INSERT, UPDATE",
    "rate_counts":       "INSERT, UPDATE, DELETE",
    "restores":          "INSERT, UPDATE",
    "installation":      "INSERT, UPDATE (store_marked_at)",
    "setbacks":          "INSERT, UPDATE, DELETE",  # of no use once the row succeeds
}
# fmt: on
# The job queue's tables are its library's own affair.
QUEUE = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND starts_with(tablename, 'procrastinate')"


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
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {name}",
    ):
        connection.execute(text(statement))
    queue = dict.fromkeys(connection.scalars(text(QUEUE)), "INSERT, UPDATE, DELETE")
    for table, rights in (RIGHTS | queue).items():
        # An older revision does not have every table yet.
        if connection.scalar(text("SELECT to_regclass(:table)"), {"table": table}):
            connection.execute(text(f"GRANT {rights} ON {table} TO {name}"))


def run(connection: Connection, settings: Settings) -> None:
    """Run the migrations, each in its own transaction, then grant."""
    for module in MODELS:
        importlib.import_module(module)
    with Session(connection) as session:
        require_same_key(session, settings)
    # Short: whoever comes after a statement that waits for a lock waits behind it. `flask db upgrade` tries again.
    connection.execute(text("SET lock_timeout = '1s'"))
    # Of a role that is also the application's the limits of web would hold.
    connection.execute(text("SET statement_timeout = 0"))
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
    with Session(connection) as session, session.begin():
        record_installation(session, settings)
    connection.commit()


def main() -> None:
    """Connect as the owner, or use the connection that a test brought."""
    settings: Settings = context.config.attributes["settings"]
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        run(given, settings)
        return
    url = settings.database_owner_url
    engine = create_engine(url, connect_args=connection_parameters(url), poolclass=NullPool)
    with engine.connect() as connection:
        run(connection, settings)


main()
