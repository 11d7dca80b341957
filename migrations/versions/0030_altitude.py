"""How high a photo was taken.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("photos", sa.Column("altitude", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("photos", "altitude")
