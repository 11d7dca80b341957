"""Things with a place and an owner.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_geospatial_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("asset_class", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            Geography(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
    )
    op.create_geospatial_index(
        "ix_assets_current_geom",
        "assets",
        ["geom"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("until IS NULL"),
        postgresql_ops={},
    )
    op.create_index(
        "uq_assets_current", "assets", ["asset_class", "code"], unique=True, postgresql_where="until IS NULL"
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("uq_assets_current", table_name="assets", postgresql_where="until IS NULL")
    op.drop_geospatial_index(
        "ix_assets_current_geom",
        table_name="assets",
        postgresql_using="gist",
        postgresql_where=sa.text("until IS NULL"),
        column_name="geom",
    )
    op.drop_geospatial_table("assets")
