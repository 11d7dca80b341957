"""Parts of units, disputes, registers, notices to units, steps that came with a key.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("assignments", sa.Column("unit_code", sa.Text(), nullable=True))
    op.execute("UPDATE assignments SET unit_code = units.code FROM units WHERE units.id = assignments.unit_id")
    op.alter_column("assignments", "unit_code", nullable=False)
    op.add_column("assignments", sa.Column("ruled", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index(
        "ix_assignments_open_co",
        "assignments",
        ["unit_code"],
        unique=False,
        postgresql_where=sa.text("part = 'co' AND ended_at IS NULL AND finished_at IS NULL"),
    )
    op.create_index(
        "uq_assignments_unit",
        "assignments",
        ["work_order_id", "unit_code"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ruled_by", sa.Text(), nullable=True),
        sa.Column("ruled_unit", sa.Text(), nullable=True),
        sa.Column("ruling", sa.Text(), nullable=True),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["rule_id"], ["responsibilities.id"], name=op.f("fk_disputes_rule_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_disputes_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("work_order_id", "unit", name=op.f("uq_disputes_work_order_id_unit")),
    )
    op.create_index(
        "ix_disputes_open", "disputes", ["opened_at"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "declines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column(
            "verdict",
            sa.Enum("upheld", "reconsidered", name="verdict", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("review", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_declines_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declines")),
    )
    op.create_index(
        "ix_declines_open", "declines", ["decided_at"], unique=False, postgresql_where=sa.text("reviewed_at IS NULL")
    )
    op.create_index("ix_declines_work_order_id", "declines", ["work_order_id"], unique=False)
    op.create_table(
        "supervisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("centre", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_supervisions_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervisions")),
    )
    op.create_index(
        "ix_supervisions_open",
        "supervisions",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_index(
        "uq_supervisions_open",
        "supervisions",
        ["work_order_id"],
        unique=True,
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("deadline_id", sa.Uuid(), nullable=True),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "overdue",
                "escalated",
                "supervised",
                "resumed",
                "rework",
                name="noticekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("clock", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["deadline_id"], ["deadlines.id"], name=op.f("fk_notices_deadline_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_notices_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("deadline_id", "level", name=op.f("uq_notices_deadline_id_level")),
    )
    op.create_index(
        "ix_notices_unread", "notices", ["unit", "at"], unique=False, postgresql_where=sa.text("read_at IS NULL")
    )
    op.create_index("ix_notices_work_order_id", "notices", ["work_order_id"], unique=False)
    op.create_table(
        "taken_steps",
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["timeline_events.id"], name=op.f("fk_taken_steps_event_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_taken_steps_work_order_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_taken_steps")),
    )


def downgrade() -> None:
    """Take it back."""
    for table in ("taken_steps", "notices", "supervisions", "declines", "disputes"):
        op.drop_table(table)
    op.drop_index("uq_assignments_unit", table_name="assignments")
    op.drop_index("ix_assignments_open_co", table_name="assignments")
    op.execute("DELETE FROM assignments WHERE part = 'co'")
    op.drop_column("assignments", "ruled")
    op.drop_column("assignments", "unit_code")
