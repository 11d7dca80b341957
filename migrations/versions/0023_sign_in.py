"""What people sign in with, and what a token may be used for.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

STAFF = (
    ("machine", sa.Boolean()),
    ("login", sa.Text()),
    ("password_hash", sa.Text()),
    ("one_time_until", sa.DateTime(timezone=True)),
    ("totp_secret", sa.LargeBinary()),
    ("totp_confirmed_at", sa.DateTime(timezone=True)),
    ("last_totp_step", sa.BigInteger()),
    ("failed_sign_ins", sa.BigInteger()),
    ("locked_until", sa.DateTime(timezone=True)),
    ("subject", sa.Text()),
)
TOKENS = (
    ("kind", sa.String(length=32)),
    ("scopes", postgresql.JSONB()),
    ("last_used_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Apply it; the tokens of before were issued to people by command."""
    for name, kind in STAFF:
        op.add_column("staff", sa.Column(name, kind, nullable=True))
    for name, kind in TOKENS:
        op.add_column("tokens", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE staff SET machine = false, failed_sign_ins = 0")
    op.execute("UPDATE tokens SET kind = 'personal'")
    op.alter_column("staff", "machine", nullable=False)
    op.alter_column("staff", "failed_sign_ins", nullable=False)
    op.alter_column("tokens", "kind", nullable=False)
    op.create_unique_constraint(op.f("uq_staff_login"), "staff", ["login"])
    op.create_unique_constraint(op.f("uq_staff_subject"), "staff", ["subject"])
    op.create_check_constraint(op.f("ck_tokens_tokenkind"), "tokens", "kind IN ('session', 'personal', 'machine')")


def downgrade() -> None:
    """Take it back; sessions and keys of machines can work no more, nor can what was narrowed by scopes."""
    op.execute("DELETE FROM tokens WHERE kind <> 'personal' OR scopes IS NOT NULL")
    for name, _ in TOKENS:
        op.drop_column("tokens", name)
    for name, _ in STAFF:
        op.drop_column("staff", name)
