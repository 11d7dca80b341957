"""How high a photo was taken.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("photos", sa.Column("altitude", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("photos", "altitude")
