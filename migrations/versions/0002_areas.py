"""The areas of a city, versioned.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_geospatial_table(
        "areas",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "community",
                "street",
                "district",
                "city",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("approximate", sa.Boolean(), nullable=False),
        sa.Column(
            "geom",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_areas")),
    )
    op.create_geospatial_index(
        "ix_areas_current_geom",
        "areas",
        ["geom"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("until IS NULL"),
        postgresql_ops={},
    )
    op.create_index("uq_areas_current", "areas", ["code"], unique=True, postgresql_where="until IS NULL")


def downgrade() -> None:
    """Take it back."""
    op.drop_index("uq_areas_current", table_name="areas", postgresql_where="until IS NULL")
    op.drop_geospatial_index(
        "ix_areas_current_geom",
        table_name="areas",
        postgresql_using="gist",
        postgresql_where=sa.text("until IS NULL"),
        column_name="geom",
    )
    op.drop_geospatial_table("areas")
