"""Find the evidence of a photo: without an index every delete of a photo reads the whole table for its foreign key.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_index(op.f("ix_evidence_photo_id"), "evidence", ["photo_id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index(op.f("ix_evidence_photo_id"), table_name="evidence")
