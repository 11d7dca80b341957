"""Indexes of hashes that hold the whole hash and the key.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

SHIFTS = (0, 16, 32, 48)


def upgrade() -> None:
    """Apply it."""
    for shift in SHIFTS:
        op.drop_index(f"ix_photos_dhash_{shift}", table_name="photos")
        columns = [sa.text(f"((dhash >> {shift}) & 65535)"), "dhash"]
        op.create_index(f"ix_photos_dhash_{shift}", "photos", columns, unique=False, postgresql_include=["id"])


def downgrade() -> None:
    """Take it back."""
    for shift in SHIFTS:
        op.drop_index(f"ix_photos_dhash_{shift}", table_name="photos")
        op.create_index(f"ix_photos_dhash_{shift}", "photos", [sa.text(f"((dhash >> {shift}) & 65535)")], unique=False)
