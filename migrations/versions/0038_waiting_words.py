"""Words that wait for staff, so that they can be listed without judging those of every report.

Revision ID: 0038
Revises: 0037
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it; the words that there are already are judged by the next fold of the map."""
    op.create_table(
        "waiting_words",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_waiting_words_report_id_reports")),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_orders.id"], name=op.f("fk_waiting_words_work_order_id_work_orders")
        ),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_waiting_words")),
    )
    op.create_index("ix_waiting_words_work_order_id", "waiting_words", ["work_order_id"])
    op.create_index("ix_waiting_words_filed_at", "waiting_words", ["filed_at", "report_id"])
    op.execute("""
        INSERT INTO work_order_changes (work_order_id)
        SELECT DISTINCT l.work_order_id FROM report_links l JOIN reports r ON r.id = l.report_id
        WHERE r.description <> ''
    """)


def downgrade() -> None:
    """Take it back."""
    op.drop_table("waiting_words")
