from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app.commands import alembic_config
from app.config import Settings
from app.db import Base
from tests.databases import Databases


def test_there_is_one_head(settings: Settings) -> None:
    script = ScriptDirectory.from_config(alembic_config(settings))

    assert len(script.get_heads()) == 1


def test_up_down_and_up_again_leaves_no_drift_from_the_models(databases: Databases) -> None:
    settings = databases.clone("empty", f"ssp_test_{databases.worker}_walk")
    config = alembic_config(settings)

    command.downgrade(config, "base")
    command.upgrade(config, "head")

    engine = create_engine(settings.database_owner_url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda thing, name, kind, reflected, compared: (
                    not (kind == "table" and (name.startswith("procrastinate") or name == "spatial_ref_sys"))
                    and alembic_helpers.include_object(thing, name, kind, reflected, compared)
                )
            },
        )
        drift = compare_metadata(context, Base.metadata)
    assert drift == []
