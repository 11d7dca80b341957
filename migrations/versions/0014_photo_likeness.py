"""What photos look like: a hash by which a copy is found, and how sharp they are.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SHIFTS = (0, 16, 32, 48)


def upgrade() -> None:
    """Apply it."""
    op.add_column("photos", sa.Column("dhash", sa.BigInteger(), nullable=True))
    op.add_column("photos", sa.Column("sharpness", sa.Double(), nullable=True))
    for shift in SHIFTS:
        op.create_index(f"ix_photos_dhash_{shift}", "photos", [sa.text(f"((dhash >> {shift}) & 65535)")], unique=False)


def downgrade() -> None:
    """Take it back."""
    for shift in SHIFTS:
        op.drop_index(f"ix_photos_dhash_{shift}", table_name="photos")
    op.drop_column("photos", "sharpness")
    op.drop_column("photos", "dhash")
