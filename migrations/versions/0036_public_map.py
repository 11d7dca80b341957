"""The public map: what changed, faces of work orders, cells, decisions about words.

Revision ID: 0036
Revises: 0035
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

SHOWN = ("open", "fixed", "closed")
STEPS = ("received", "dispatched", "in_progress", "fixed", "closed", "declined")
COUNTS = ("total", "open", *(f"{s}_{a}" for s in ("fixed", "closed") for a in ("7", "30", "90", "365", "more")))


def _enum(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    """Apply it; what there is already is folded by the next job."""
    op.create_table(
        "work_order_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order_changes")),
    )
    op.create_table(
        "map_points",
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("state", _enum(*SHOWN, name="shown"), nullable=False),
        sa.Column("step", _enum(*STEPS, name="step"), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("geom", Geometry("POINT", srid=3857, spatial_index=False), nullable=False),
        sa.Column("x", sa.BigInteger(), nullable=False),
        sa.Column("y", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("age", sa.BigInteger(), nullable=False),
        sa.Column("ages_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_orders.id"], name=op.f("fk_map_points_work_order_id_work_orders")
        ),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_map_points")),
        sa.UniqueConstraint("public_id", name=op.f("uq_map_points_public_id")),
    )
    newest = [sa.text("opened_at DESC"), sa.text("work_order_id DESC")]
    op.create_index("ix_map_points_geom", "map_points", ["geom", "item", "class"], postgresql_using="gist")
    op.create_index("ix_map_points_opened", "map_points", newest)
    op.create_index("ix_map_points_street", "map_points", ["street", *newest])
    op.create_index("ix_map_points_item", "map_points", ["item", *newest])
    op.create_index(
        "ix_map_points_ages_at", "map_points", ["ages_at"], postgresql_where=sa.text("ages_at IS NOT NULL")
    )
    op.create_table(
        "map_cells",
        sa.Column("level", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("group", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("x", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("y", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.Column("sum_x", sa.BigInteger(), nullable=False),
        sa.Column("sum_y", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("level", "key", "group", "x", "y", name=op.f("pk_map_cells")),
    )
    op.create_index("ix_map_cells_empty", "map_cells", ["level"], postgresql_where=sa.text("total = 0"))
    op.create_table(
        "text_decisions",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", _enum("released", "hidden", name="textverdict"), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_text_decisions_report_id_reports")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_text_decisions")),
    )
    op.execute("INSERT INTO work_order_changes (work_order_id) SELECT id FROM work_orders ORDER BY id")


def downgrade() -> None:
    """Take it back; what staff decided of words goes with it."""
    for table in ("text_decisions", "map_cells", "map_points", "work_order_changes"):
        op.drop_table(table)
