"""A unit's part in a work order.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "part",
            sa.Enum("lead", "co", name="part", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("explanation", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", sa.Uuid(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["signed_by"], ["staff.id"], name=op.f("fk_assignments_signed_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_assignments_unit_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_assignments_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    op.create_index(
        "uq_assignments_lead",
        "assignments",
        ["work_order_id"],
        unique=True,
        postgresql_where=sa.text("part = 'lead' AND ended_at IS NULL"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index(
        "uq_assignments_lead", table_name="assignments", postgresql_where=sa.text("part = 'lead' AND ended_at IS NULL")
    )
    op.drop_table("assignments")
