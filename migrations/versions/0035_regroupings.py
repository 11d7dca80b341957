"""Merges that can be undone, and splits.

Revision ID: 0035
Revises: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

HOW = ("opened", "auto", "same_as", "merged")
KINDS = (
    "received",
    "joined",
    "waiting",
    "dispatched",
    "signed",
    "note",
    "fixed",
    "closed",
    "part_signed",
    "part_fixed",
    "refused",
    "secured",
    "ruled",
    "transferred",
    "involved",
    "released",
    "changed",
    "urgent",
    "held",
    "resumed",
    "declined",
    "upheld",
    "reconsidered",
    "merged",
    "confirmed",
    "objected",
    "rated",
    "rework",
    "checked",
    "supervised",
    "answered",
    "reopened",
    "overdue",
    "escalated",
)


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "regroupings",
        sa.Column(
            "kind",
            sa.Enum("merge", "split", name="regroupingkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["work_orders.id"], name=op.f("fk_regroupings_source_id")),
        sa.ForeignKeyConstraint(["target_id"], ["work_orders.id"], name=op.f("fk_regroupings_target_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regroupings")),
    )
    for name in ("source_id", "target_id"):
        op.create_index(f"ix_regroupings_{name}", "regroupings", [name], unique=False)
    _allow("report_links", "how", (*HOW, "split"), "how")
    _allow("timeline_events", "kind", (*KINDS, "split"), "eventkind")


def downgrade() -> None:
    """Take it back. Lines of history that tell of a split stay as they are."""
    op.execute("UPDATE report_links SET how = 'merged' WHERE how = 'split'")
    _allow("report_links", "how", HOW, "how")
    _allow("timeline_events", "kind", KINDS, "eventkind", valid=False)
    op.drop_table("regroupings")


def _allow(table: str, column: str, values: tuple[str, ...], name: str, *, valid: bool = True) -> None:
    named = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    check = f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({column} IN ({named}))"
    op.execute(check if valid else f"{check} NOT VALID")
