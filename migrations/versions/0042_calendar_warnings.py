"""Years that the calendar lacks, once they were told.

Revision ID: 0042
Revises: 0041
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "calendar_warnings",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", "year", name=op.f("pk_calendar_warnings")),
    )


def downgrade() -> None:
    """Take it back; the years are told once more."""
    op.drop_table("calendar_warnings")
