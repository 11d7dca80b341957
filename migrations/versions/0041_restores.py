"""Restores of the database to a moment, and messages that are held after one.

Revision ID: 0041
Revises: 0040
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TABLES = ("deliveries", "webhook_deliveries")
BEFORE = "state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'given_up')"
SINCE = "state IN ('queued', 'sending', 'held', 'sent', 'delivered', 'failed', 'given_up')"


def upgrade() -> None:
    """Apply it; rows of before fit the wider constraint."""
    op.create_table(
        "restores",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("earliest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
    )
    for table in TABLES:
        allow_states(table, SINCE)
        op.create_index(f"ix_{table}_held", table, ["created_at"], postgresql_where=sa.text("state = 'held'"))


def downgrade() -> None:
    """Take it back; what is held is given up."""
    for table in TABLES:
        op.drop_index(f"ix_{table}_held", table_name=table)
        op.execute(f"UPDATE {table} SET state = 'given_up' WHERE state = 'held'")
        allow_states(table, BEFORE)
    op.drop_table("restores")


def allow_states(table: str, condition: str) -> None:
    """Replace the constraint of the states."""
    name = op.f(f"ck_{table}_deliverystate")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, condition)
