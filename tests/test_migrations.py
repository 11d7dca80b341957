from __future__ import annotations

from pathlib import Path

import pytest
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
from tests.migration_rules import breaking_changes

VERSIONS = Path(__file__).parents[1] / "migrations" / "versions"
LAST_WITHOUT_RULES = "0039"  # the service was stopped for these


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


def test_new_migrations_leave_in_place_what_the_running_version_uses() -> None:
    new = [path for path in sorted(VERSIONS.glob("[0-9]*.py")) if path.name[:4] > LAST_WITHOUT_RULES]

    broken = {path.name: breaking_changes(path.read_text()) for path in new}

    assert {name: changes for name, changes in broken.items() if changes} == {}


def test_a_contracting_migration_names_an_earlier_one(settings: Settings) -> None:
    script = ScriptDirectory.from_config(alembic_config(settings))
    named = {each.revision: getattr(each.module, "contracts", None) for each in script.walk_revisions()}

    assert [revision for revision, since in named.items() if since and not (since in named and since < revision)] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('op.drop_table("a")', ["drop_table"]),
        ('op.drop_column("a", "b")', ["drop_column"]),
        ('op.rename_table("a", "b")', ["rename_table"]),
        ('op.alter_column("a", "b", new_column_name="c")', ["alter_column new_column_name"]),
        ('op.alter_column("a", "b", type_=sa.Text())', ["alter_column type_"]),
        ('op.alter_column("a", "b", nullable=False)', ["alter_column to NOT NULL"]),
        (
            'op.add_column("a", sa.Column("b", sa.Text(), nullable=False))',
            ["add_column NOT NULL without server_default"],
        ),
        ('op.execute("ALTER TABLE a DROP COLUMN b")', ["DROP COLUMN"]),
        ('op.execute(sa.text("ALTER TABLE a RENAME TO c"))', ["RENAME"]),
        ('op.execute("ALTER TABLE a ALTER COLUMN b SET NOT NULL")', ["SET NOT NULL"]),
        ('op.execute("ALTER TABLE a ALTER COLUMN b TYPE bigint")', ["ALTER COLUMN b TYPE"]),
        ('op.add_column("a", sa.Column("b", sa.Text(), server_default="", nullable=False))', []),
        ('op.add_column("a", sa.Column("b", sa.Text(), nullable=True))', []),
        ('op.alter_column("a", "b", nullable=True)', []),
        ('op.create_table("a", sa.Column("b")); op.alter_column("a", "b", nullable=False)', []),
        ('op.create_index("a", "b", ["c"])', []),
    ],
)
def test_what_breaks_the_running_version_is_found(line: str, found: list[str]) -> None:
    migration = f"def upgrade():\n    {line}\n\n\ndef downgrade():\n    op.drop_table('a')\n"

    assert [change.partition(": ")[2] for change in breaking_changes(migration)] == found
    assert breaking_changes(f"contracts = '0041'\n{migration}") == []
