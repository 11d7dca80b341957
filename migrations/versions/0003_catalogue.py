"""Pack versions, units, items and responsibilities.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("component", "event", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("major_zh", sa.Text(), nullable=False),
        sa.Column("major_en", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column(
            "urgency",
            sa.Enum("general", "urgent", name="urgency", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("dispatch_minutes", sa.BigInteger(), nullable=False),
        sa.Column("handle_amount", sa.BigInteger(), nullable=False),
        sa.Column(
            "handle_unit",
            sa.Enum(
                "minutes",
                "hours",
                "days",
                "working_hours",
                "working_days",
                name="timeunit",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asset_class", sa.Text(), nullable=False),
        sa.Column("responsible_role", sa.Text(), nullable=False),
        sa.Column("dedup_radius_m", sa.Double(), nullable=False),
        sa.Column("dedup_window_days", sa.BigInteger(), nullable=False),
        sa.Column("keywords_zh", sa.Text(), nullable=False),
        sa.Column("keywords_en", sa.Text(), nullable=False),
        sa.Column(
            "evidence",
            sa.Enum(
                "after_photo",
                "note",
                "none",
                name="evidenceneeded",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column(
            "joining",
            sa.Enum("auto", "suggest", "never", name="joining", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
    )
    op.create_index("uq_items_current", "items", ["code"], unique=True, postgresql_where="until IS NULL")
    op.create_table(
        "pack_versions",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_pack_versions")),
    )
    op.create_table(
        "responsibilities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("asset_owner", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column(
            "origin",
            sa.Enum("pack", "ruling", name="origin", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_responsibilities")),
    )
    op.create_index("ix_responsibilities_unit", "responsibilities", ["unit"], unique=False)
    op.create_index(
        "uq_responsibilities_current",
        "responsibilities",
        ["item", "role", "asset_owner", "area", "valid_from", "origin"],
        unique=True,
        postgresql_where="until IS NULL",
    )
    op.create_table(
        "units",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_units")),
    )
    op.create_index("uq_units_current", "units", ["code"], unique=True, postgresql_where="until IS NULL")


def downgrade() -> None:
    """Take it back."""
    op.drop_index("uq_units_current", table_name="units", postgresql_where="until IS NULL")
    op.drop_table("units")
    op.drop_index("uq_responsibilities_current", table_name="responsibilities", postgresql_where="until IS NULL")
    op.drop_index("ix_responsibilities_unit", table_name="responsibilities")
    op.drop_table("responsibilities")
    op.drop_table("pack_versions")
    op.drop_index("uq_items_current", table_name="items", postgresql_where="until IS NULL")
    op.drop_table("items")
