"""Rate each work order by itself: a reporter who was moved by a merge has rated a repair of another one before.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.drop_constraint(op.f("pk_ratings"), "ratings", type_="primary")
    op.create_primary_key(op.f("pk_ratings"), "ratings", ["report_id", "round", "work_order_id"])


def downgrade() -> None:
    """Take it back; of two ratings that are one then, the later one is kept."""
    op.execute(
        "DELETE FROM ratings USING ratings later WHERE later.report_id = ratings.report_id "
        "AND later.round = ratings.round AND (later.at, later.work_order_id) > (ratings.at, ratings.work_order_id)"
    )
    op.drop_constraint(op.f("pk_ratings"), "ratings", type_="primary")
    op.create_primary_key(op.f("pk_ratings"), "ratings", ["report_id", "round"])
