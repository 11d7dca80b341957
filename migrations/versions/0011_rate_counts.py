"""How many requests came from one address.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "rate_counts",
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", "window_start", name=op.f("pk_rate_counts")),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("rate_counts")
