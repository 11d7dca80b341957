"""Read the registers of declines and of supervisions by the indexes that order them.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_index("ix_declines_decided_at", "declines", ["decided_at", "id"])
    op.create_index("ix_supervisions_due_at", "supervisions", ["due_at", "id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_supervisions_due_at", table_name="supervisions")
    op.drop_index("ix_declines_decided_at", table_name="declines")
