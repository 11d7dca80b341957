"""Roles of a whole city, and a scope that fails closed: a person without a unit sees nothing, ``*`` is any unit.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BEFORE = ("crew", "unit_manager", "dispatcher", "supervisor", "system")
AFTER = ("crew", "unit_manager", "dispatcher", "adjudicator", "supervisor", "auditor", "admin", "system", "reporter")


def _allow(roles: tuple[str, ...]) -> None:
    named = ", ".join(f"'{role}'" for role in roles)
    op.drop_constraint(op.f("ck_staff_role"), "staff", type_="check")
    op.create_check_constraint(op.f("ck_staff_role"), "staff", f"role IN ({named})")


def upgrade() -> None:
    """Apply it."""
    _allow(AFTER)
    op.execute("UPDATE staff SET unit = '*' WHERE unit IS NULL")


def downgrade() -> None:
    """Take it back; people of the new roles can have no account then."""
    op.execute("DELETE FROM tokens USING staff WHERE staff_id = staff.id AND role IN ('adjudicator', 'auditor', 'admin')")
    op.execute("DELETE FROM staff WHERE role IN ('adjudicator', 'auditor', 'admin')")
    op.execute("UPDATE staff SET unit = NULL WHERE unit = '*'")
    _allow(BEFORE)
