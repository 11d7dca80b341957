"""Tell a unit that refused what was ruled.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

KINDS = ("overdue", "escalated", "supervised", "resumed", "rework")


def upgrade() -> None:
    """Apply it."""
    _allow(*KINDS, "ruled")


def downgrade() -> None:
    """Take it back; notices of rulings go with it."""
    op.execute("DELETE FROM notices WHERE kind = 'ruled'")
    _allow(*KINDS)


def _allow(*kinds: str) -> None:
    name = op.f("ck_notices_noticekind")
    op.drop_constraint(name, "notices", type_="check")
    op.create_check_constraint(name, "notices", f"kind IN ({', '.join(repr(kind) for kind in kinds)})")
