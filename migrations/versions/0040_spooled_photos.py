"""Originals that wait in the database while the store is away.

Revision ID: 0040
Revises: 0039
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it; a picture is compressed already, and is stored as it is."""
    op.create_table(
        "spooled_photos",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("spooled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photos.id"], name=op.f("fk_spooled_photos_photo_id_photos"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_spooled_photos")),
    )
    op.create_index("ix_spooled_photos_spooled_at", "spooled_photos", ["spooled_at"])
    op.execute("ALTER TABLE spooled_photos ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Take it back; it refuses while an original waits, which would be lost."""
    op.execute("DO $$ BEGIN IF EXISTS (SELECT FROM spooled_photos) THEN RAISE 'originals wait for the store'; END IF; END $$")
    op.drop_table("spooled_photos")
