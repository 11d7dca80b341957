"""What is masked in the public picture of a photo, and who released, hid or showed it.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

PHOTOS = (
    ("boxes", postgresql.JSONB()),
    ("mask_revision", sa.BigInteger()),
    ("masked_at", sa.DateTime(timezone=True)),
    ("mask_fault", sa.Text()),
    ("detected_at", sa.DateTime(timezone=True)),
    ("released_at", sa.DateTime(timezone=True)),
    ("released_by", sa.Uuid()),
    ("hidden_at", sa.DateTime(timezone=True)),
    ("hidden_by", sa.Uuid()),
    ("hidden_reason", sa.Text()),
)


def upgrade() -> None:
    """Apply it; no photo of before is public until the hourly job has had it masked."""
    for name, kind in PHOTOS:
        op.add_column("photos", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE photos SET boxes = '[]', mask_revision = 0")
    op.alter_column("photos", "boxes", nullable=False)
    op.alter_column("photos", "mask_revision", nullable=False)
    op.create_index(
        "ix_photos_unmasked",
        "photos",
        ["stored_at"],
        postgresql_where=sa.text("masked_at IS NULL AND claimed_at IS NOT NULL"),
    )
    op.create_table(
        "photo_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("boxes", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("decision IN ('mask', 'release', 'hide', 'show')", name=op.f("ck_photo_decisions_decision")),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_photo_decisions_photo_id_photos")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_decisions")),
    )
    op.create_index("ix_photo_decisions_photo_id", "photo_decisions", ["photo_id", "at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("photo_decisions")
    op.drop_index("ix_photos_unmasked", table_name="photos")
    for name, _ in PHOTOS:
        op.drop_column("photos", name)
