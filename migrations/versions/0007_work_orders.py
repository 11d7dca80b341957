"""Work orders with their history, clocks and evidence.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_geospatial_table(
        "work_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column(
            "urgency",
            sa.Enum("general", "urgent", name="urgency", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "awaiting_dispatch",
                "dispatched",
                "in_progress",
                "fixed",
                "closed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "fixed", "not_fixed", "unknown", name="outcome", native_enum=False, create_constraint=True, length=32
            ),
            nullable=True,
        ),
        sa.Column(
            "position",
            Geography(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
            ),
            nullable=False,
        ),
        sa.Column("accuracy_m", sa.Double(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("lead_unit", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reports", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.Column("flags", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name=op.f("fk_work_orders_asset_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_work_orders_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_orders")),
        sa.UniqueConstraint("public_id", name=op.f("uq_work_orders_public_id")),
    )
    op.create_index("ix_work_orders_lead_unit_state", "work_orders", ["lead_unit", "state", "opened_at"], unique=False)
    op.create_index(
        "ix_work_orders_live_asset",
        "work_orders",
        ["asset_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_geospatial_index(
        "ix_work_orders_live_position",
        "work_orders",
        ["position", "item_code"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("state <> 'closed'"),
        postgresql_ops={},
    )
    op.create_table(
        "deadlines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "dispatch",
                "sign_for",
                "handling",
                name="deadlinekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_deadlines_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadlines")),
        sa.UniqueConstraint("work_order_id", "kind", name=op.f("uq_deadlines_work_order_id_kind")),
    )
    op.create_index(
        "ix_deadlines_running", "deadlines", ["due_at"], unique=False, postgresql_where=sa.text("met_at IS NULL")
    )
    op.create_table(
        "timeline_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "received",
                "joined",
                "dispatched",
                "signed",
                "note",
                "fixed",
                "closed",
                name="eventkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("payload_digest", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_timeline_events_work_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline_events")),
        sa.UniqueConstraint("work_order_id", "number", name=op.f("uq_timeline_events_work_order_id_number")),
    )
    op.create_table(
        "evidence",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("after", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["timeline_events.id"], name=op.f("fk_evidence_event_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_evidence_photo_id")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_evidence_work_order_id")),
        sa.PrimaryKeyConstraint("event_id", "photo_id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_work_order_id"), "evidence", ["work_order_id"], unique=False)
    op.create_table(
        "timeline_payloads",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["timeline_events.id"], name=op.f("fk_timeline_payloads_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_timeline_payloads")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("timeline_payloads")
    op.drop_index(op.f("ix_evidence_work_order_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_table("timeline_events")
    op.drop_index("ix_deadlines_running", table_name="deadlines", postgresql_where=sa.text("met_at IS NULL"))
    op.drop_table("deadlines")
    op.drop_geospatial_index(
        "ix_work_orders_live_position",
        table_name="work_orders",
        postgresql_using="gist",
        postgresql_where=sa.text("state <> 'closed'"),
        column_name="position",
    )
    op.drop_index("ix_work_orders_live_asset", table_name="work_orders", postgresql_where=sa.text("state <> 'closed'"))
    op.drop_index("ix_work_orders_lead_unit_state", table_name="work_orders")
    op.drop_geospatial_table("work_orders")
