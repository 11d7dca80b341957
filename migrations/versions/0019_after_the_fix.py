"""Ratings, checks before closing, reports filed at a desk, reports that were merged.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BEFORE = ("opened", "auto", "same_as")
AFTER = (*BEFORE, "merged")


def _allow(table: str, column: str, values: tuple[str, ...], name: str) -> None:
    named = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{column} IN ({named})")


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "ratings",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("overall", sa.BigInteger(), nullable=False),
        sa.Column("speed", sa.BigInteger(), nullable=True),
        sa.Column("attitude", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.BigInteger(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("attitude BETWEEN 1 AND 5", name=op.f("ck_ratings_attitude")),
        sa.CheckConstraint("overall BETWEEN 1 AND 5", name=op.f("ck_ratings_overall")),
        sa.CheckConstraint("result BETWEEN 1 AND 5", name=op.f("ck_ratings_result")),
        sa.CheckConstraint("speed BETWEEN 1 AND 5", name=op.f("ck_ratings_speed")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_ratings_report_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_ratings_work_order_id")),
        sa.PrimaryKeyConstraint("report_id", "round", name=op.f("pk_ratings")),
    )
    op.create_index("ix_ratings_unit_at", "ratings", ["unit", "at"], unique=False)
    op.create_index("ix_ratings_work_order_id", "ratings", ["work_order_id"], unique=False)
    op.create_table(
        "spot_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column(
            "reason",
            sa.Enum("sample", "rework", name="samplereason", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("call", "site", name="checkkind", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_spot_checks_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_checks")),
    )
    op.create_index(
        "ix_spot_checks_open", "spot_checks", ["at"], unique=False, postgresql_where=sa.text("done_at IS NULL")
    )
    op.create_index("uq_spot_checks_round", "spot_checks", ["work_order_id", "round"], unique=True)
    op.add_column("reports", sa.Column("filed_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_reports_filed_by"), "reports", "staff", ["filed_by"], ["id"])
    _allow("report_links", "how", AFTER, "how")


def downgrade() -> None:
    """Take it back."""
    op.execute("UPDATE report_links SET how = 'same_as' WHERE how = 'merged'")
    _allow("report_links", "how", BEFORE, "how")
    op.drop_constraint(op.f("fk_reports_filed_by"), "reports", type_="foreignkey")
    op.drop_column("reports", "filed_by")
    op.drop_table("spot_checks")
    op.drop_table("ratings")
