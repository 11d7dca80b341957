"""Pairs of before and after a repair.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "evidence_pairs",
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("before_id", sa.Uuid(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("before_revision", sa.BigInteger(), nullable=False),
        sa.Column("after_revision", sa.BigInteger(), nullable=False),
        sa.Column("aligned", sa.Boolean(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_orders.id"], name=op.f("fk_evidence_pairs_work_order_id_work_orders")
        ),
        sa.ForeignKeyConstraint(["before_id"], ["photos.id"], name=op.f("fk_evidence_pairs_before_id_photos")),
        sa.ForeignKeyConstraint(["after_id"], ["photos.id"], name=op.f("fk_evidence_pairs_after_id_photos")),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_evidence_pairs")),
    )


def downgrade() -> None:
    """Take it back; the pictures stay in the store until the sweep finds their photos gone."""
    op.drop_table("evidence_pairs")
