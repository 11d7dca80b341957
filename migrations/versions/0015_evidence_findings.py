"""Checks of the photos that crews bring, with what was found and the verdict of a person.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OPEN = "failed AND verdict IS NULL"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "evidence_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by", sa.Uuid(), nullable=True),
        sa.Column(
            "verdict",
            sa.Enum("accepted", "rejected", name="verdict", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["checked_by"], ["staff.id"], name=op.f("fk_evidence_checks_checked_by")),
        sa.ForeignKeyConstraint(["event_id"], ["timeline_events.id"], name=op.f("fk_evidence_checks_event_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_evidence_checks_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_checks")),
        sa.UniqueConstraint("event_id", name=op.f("uq_evidence_checks_event_id")),
    )
    op.create_index(op.f("ix_evidence_checks_work_order_id"), "evidence_checks", ["work_order_id"], unique=False)
    op.create_index(
        "ix_evidence_checks_open",
        "evidence_checks",
        ["unit", "at", "id"],
        unique=False,
        postgresql_where=sa.text(OPEN),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_evidence_checks_open", table_name="evidence_checks", postgresql_where=sa.text(OPEN))
    op.drop_index(op.f("ix_evidence_checks_work_order_id"), table_name="evidence_checks")
    op.drop_table("evidence_checks")
