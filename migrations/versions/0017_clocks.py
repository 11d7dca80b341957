"""Clocks that pause, stop and escalate.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BEFORE = ("dispatch", "sign_for", "handling")
AFTER = (*BEFORE, "adjudication", "rework", "supervision")


def _allow(table: str, column: str, values: tuple[str, ...], name: str) -> None:
    named = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{column} IN ({named})")


def upgrade() -> None:
    """Apply it."""
    op.add_column(
        "deadlines",
        sa.Column(
            "counts",
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
            nullable=True,
        ),
    )
    op.add_column("deadlines", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deadlines", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deadlines", sa.Column("left_s", sa.Double(), nullable=True))
    op.add_column("deadlines", sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deadlines", sa.Column("level", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("deadlines", sa.Column("next_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE deadlines SET counts = 'minutes' WHERE kind <> 'handling'")
    op.execute(
        "UPDATE deadlines SET counts = items.handle_unit FROM work_orders JOIN items ON items.id = work_orders.item_id"
        " WHERE work_orders.id = deadlines.work_order_id AND deadlines.kind = 'handling'"
    )
    op.execute("UPDATE deadlines SET next_at = due_at WHERE met_at IS NULL")
    op.alter_column("deadlines", "counts", nullable=False)
    op.drop_index(op.f("ix_deadlines_running"), table_name="deadlines")
    op.drop_constraint(op.f("uq_deadlines_work_order_id_kind"), "deadlines", type_="unique")
    op.create_index("ix_deadlines_next_at", "deadlines", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_index(
        "ix_deadlines_breached",
        "deadlines",
        ["work_order_id"],
        postgresql_where=sa.text("breached_at IS NOT NULL AND met_at IS NULL AND stopped_at IS NULL"),
    )
    op.create_index("ix_deadlines_work_order_id", "deadlines", ["work_order_id"])
    _allow("deadlines", "kind", AFTER, "deadlinekind")


def downgrade() -> None:
    """Take it back."""
    op.execute(
        "DELETE FROM deadlines AS old USING deadlines AS new WHERE new.work_order_id = old.work_order_id"
        " AND new.kind = old.kind AND (new.starts_at, new.id) > (old.starts_at, old.id)"
    )
    op.execute("DELETE FROM deadlines WHERE kind IN ('adjudication', 'rework', 'supervision')")
    _allow("deadlines", "kind", BEFORE, "deadlinekind")
    op.drop_index("ix_deadlines_breached", table_name="deadlines")
    op.drop_index("ix_deadlines_work_order_id", table_name="deadlines")
    op.drop_index("ix_deadlines_next_at", table_name="deadlines")
    op.create_unique_constraint(op.f("uq_deadlines_work_order_id_kind"), "deadlines", ["work_order_id", "kind"])
    op.create_index(op.f("ix_deadlines_running"), "deadlines", ["due_at"], postgresql_where=sa.text("met_at IS NULL"))
    for column in ("next_at", "level", "breached_at", "left_s", "paused_at", "stopped_at", "counts"):
        op.drop_column("deadlines", column)
