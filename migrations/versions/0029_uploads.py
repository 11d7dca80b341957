"""Photos that are uploaded directly: a row before the bytes, and how far the upload is.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

OF_BYTES = ("digest", "key", "size", "media_type", "width", "height", "orientation", "taken_zone_known")
ARRIVED = f"num_nonnulls({', '.join(OF_BYTES)}) = CASE WHEN arrived_at IS NULL THEN 0 ELSE {len(OF_BYTES)} END"
OPEN = "state <> 'ready' AND state <> 'never_arrived'"
STATES = "state IN ('expected', 'arrived', 'ready', 'refused', 'never_arrived')"


def upgrade() -> None:
    """Apply it; every photo of before has arrived."""
    op.add_column("photos", sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE photos SET arrived_at = stored_at")
    for name in OF_BYTES:
        op.alter_column("photos", name, nullable=True)
    op.create_check_constraint(op.f("ck_photos_arrived"), "photos", ARRIVED)
    op.create_table(
        "uploads",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.CheckConstraint(STATES, name=op.f("ck_uploads_uploadstate")),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photos.id"], name=op.f("fk_uploads_photo_id_photos"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_uploads")),
    )
    op.create_index("ix_uploads_open", "uploads", ["opened_at"], postgresql_where=sa.text(OPEN))


def downgrade() -> None:
    """Take it back; it refuses while a photo that something names has not arrived."""
    op.drop_table("uploads")
    op.execute("DELETE FROM photos WHERE arrived_at IS NULL AND claimed_at IS NULL")
    op.drop_constraint(op.f("ck_photos_arrived"), "photos")
    for name in OF_BYTES:
        op.alter_column("photos", name, nullable=False)
    op.drop_column("photos", "arrived_at")
