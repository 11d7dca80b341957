"""What a subscription is about, and after which line of history it begins.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("subscriptions", sa.Column("after_event", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "subscriptions",
        sa.Column("about", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.execute(
        "UPDATE subscriptions SET after_event = events.number - 1, about = jsonb_build_object("
        "'number', payloads.content->'number', 'place', payloads.content->'place')"
        " FROM timeline_events AS events JOIN timeline_payloads AS payloads ON payloads.event_id = events.id"
        " WHERE events.work_order_id = subscriptions.work_order_id AND events.kind IN ('received', 'joined')"
        " AND payloads.content->>'report' = subscriptions.subscriber::text"
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("subscriptions", "about")
    op.drop_column("subscriptions", "after_event")
