"""States and lines of the whole life of a work order.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATES_BEFORE = (
    "awaiting_dispatch",
    "dispatched",
    "in_progress",
    "fixed",
    "closed",
)
STATES_AFTER = (
    "awaiting_dispatch",
    "dispatched",
    "in_progress",
    "fixed",
    "closed",
    "disputed",
    "on_hold",
    "declined",
    "merged",
)
KINDS_BEFORE = (
    "received",
    "joined",
    "dispatched",
    "signed",
    "note",
    "fixed",
    "closed",
)
KINDS_AFTER = (
    "received",
    "joined",
    "waiting",
    "dispatched",
    "signed",
    "note",
    "fixed",
    "closed",
    "part_signed",
    "part_fixed",
    "refused",
    "secured",
    "ruled",
    "transferred",
    "involved",
    "released",
    "changed",
    "urgent",
    "held",
    "resumed",
    "declined",
    "upheld",
    "reconsidered",
    "merged",
    "confirmed",
    "objected",
    "rated",
    "rework",
    "checked",
    "supervised",
    "answered",
    "reopened",
    "overdue",
    "escalated",
)
ENDED_BEFORE = "state <> 'closed'"
ENDED_AFTER = "state NOT IN ('closed', 'declined', 'merged')"


def _allow(table: str, column: str, values: tuple[str, ...], name: str) -> None:
    named = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{column} IN ({named})")


def _live(ended: str) -> None:
    """Index what is alive, with other words for what has ended."""
    for name in ("position", "asset"):
        op.drop_index(f"ix_work_orders_live_{name}", table_name="work_orders")
    op.create_index(
        "ix_work_orders_live_position",
        "work_orders",
        ["position", "item_code"],
        postgresql_using="gist",
        postgresql_where=sa.text(ended),
    )
    op.create_index("ix_work_orders_live_asset", "work_orders", ["asset_id"], postgresql_where=sa.text(ended))


def upgrade() -> None:
    """Apply it."""
    op.add_column("work_orders", sa.Column("community", sa.Text(), nullable=True))
    op.add_column(
        "work_orders",
        sa.Column("co_units", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
    )
    op.add_column("work_orders", sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("work_orders", sa.Column("close_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("work_orders", sa.Column("urgent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("work_orders", sa.Column("rounds", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("work_orders", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_work_orders_merged_into"), "work_orders", "work_orders", ["merged_into"], ["id"])
    _allow("work_orders", "state", STATES_AFTER, "state")
    _allow("timeline_events", "kind", KINDS_AFTER, "eventkind")
    _live(ENDED_AFTER)
    for area in ("street", "district"):
        op.create_index(
            f"ix_work_orders_live_{area}",
            "work_orders",
            [area, "state", "opened_at"],
            postgresql_where=sa.text(ENDED_AFTER),
        )
    live = sa.text(ENDED_AFTER)
    op.create_index(
        "ix_work_orders_queue",
        "work_orders",
        ["lead_unit", sa.text("urgency DESC"), "due_at", "id"],
        postgresql_where=live,
    )
    op.create_index("ix_work_orders_live_opened", "work_orders", ["opened_at", "id"], postgresql_where=live)
    op.create_index("ix_work_orders_live_state", "work_orders", ["state", "opened_at", "id"], postgresql_where=live)
    op.create_index(
        "ix_work_orders_co_units",
        "work_orders",
        ["co_units"],
        postgresql_using="gin",
        postgresql_ops={"co_units": "jsonb_path_ops"},
    )
    for moment in ("hold_until", "close_at"):
        op.create_index(
            f"ix_work_orders_{moment}",
            "work_orders",
            [moment],
            postgresql_where=sa.text(f"{moment} IS NOT NULL"),
        )


def downgrade() -> None:
    """Take it back; history is append-only, so lines of kinds that were unknown before stay as they are."""
    for name in ("queue", "co_units", "live_opened", "live_state", "hold_until", "close_at", "live_street", "live_district"):
        op.drop_index(f"ix_work_orders_{name}", table_name="work_orders")
    op.execute("UPDATE work_orders SET state = 'closed' WHERE state IN ('declined', 'merged')")
    op.execute("UPDATE work_orders SET state = 'dispatched' WHERE state = 'disputed'")
    op.execute("UPDATE work_orders SET state = 'in_progress' WHERE state = 'on_hold'")
    _live(ENDED_BEFORE)
    _allow("work_orders", "state", STATES_BEFORE, "state")
    op.execute("ALTER TABLE timeline_events DROP CONSTRAINT ck_timeline_events_eventkind")
    named = ", ".join(f"'{kind}'" for kind in KINDS_BEFORE)
    op.execute(
        f"ALTER TABLE timeline_events ADD CONSTRAINT ck_timeline_events_eventkind CHECK (kind IN ({named})) NOT VALID"
    )
    op.drop_constraint(op.f("fk_work_orders_merged_into"), "work_orders", type_="foreignkey")
    for column in ("merged_into", "rounds", "urgent_at", "close_at", "hold_until", "co_units", "community"):
        op.drop_column("work_orders", column)
