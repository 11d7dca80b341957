"""Contacts apart from what they subscribe to, so that one question and one ending count for all of it.

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from alembic import context, op
from cryptography.fernet import InvalidToken

from app.derivation import derive_box, derive_key

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

CHANNELS = ("email", "sms", "push", "wechat")
STATES = ("queued", "sending", "sent", "delivered", "failed", "given_up")


def upgrade() -> None:
    """Apply it. Contacts of before have been written to: they stay confirmed. Who gave an address twice is one now."""
    _make_contacts()
    _fill_contacts()
    _change_subscriptions()
    _change_deliveries()
    op.create_index("ix_work_orders_opened_at", "work_orders", ["opened_at"])
    op.create_index(
        "ix_work_orders_fixed_at", "work_orders", ["fixed_at"], postgresql_where=sa.text("fixed_at IS NOT NULL")
    )


def _make_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(*CHANNELS, name="channelkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("guesses", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(
        "uq_contacts_digest", "contacts", ["digest"], unique=True, postgresql_where=sa.text("erased_at IS NULL")
    )
    op.add_column("subscriptions", sa.Column("contact_id", sa.Uuid(), nullable=True))


def _fill_contacts() -> None:
    """Give each subscription its contact: the digest needs the address, which only the keys of the settings read."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT id, channel, address, language, created_at, ended_at, erased_at FROM subscriptions ORDER BY id")
    ).all()
    if not rows:
        return
    settings = context.config.attributes["settings"]
    box, links = derive_box(settings, b"suishoupai contact"), derive_key(settings, b"suishoupai links")
    known: dict[bytes, UUID] = {}
    for row in rows:
        digest = _digest(box, links, row)
        contact = known.get(digest) if digest else None
        if contact is None:
            contact = _add_contact(connection, row, digest)
            if digest:
                known[digest] = contact
        connection.execute(
            sa.text("UPDATE subscriptions SET contact_id = :contact WHERE id = :id"),
            {"contact": contact, "id": row.id},
        )


def _digest(box: Any, links: bytes, row: Any) -> bytes:
    """Compute what ``app.notify.keys.contact_digest`` does; empty for what is erased or cannot be read any more."""
    if row.erased_at is not None:
        return b""
    try:
        address = box.decrypt(bytes(row.address)).decode()
    except InvalidToken:
        return b""
    return hmac.digest(links, f"contact/{row.channel}/{address}".encode(), hashlib.sha256)


def _add_contact(connection: sa.Connection, row: Any, digest: bytes) -> UUID:
    contact = uuid4()
    connection.execute(
        sa.text(
            "INSERT INTO contacts (id, channel, digest, address, language, created_at, given_at, asked, guesses,"
            " confirmed_at, ended_at, ended_because, erased_at) VALUES (:id, :channel, :digest, :address, :language,"
            " :at, :at, 0, 0, :at, :ended, :because, :erased)"
        ),
        {
            "id": contact,
            "channel": row.channel,
            "digest": digest,
            "address": bytes(row.address) if digest else b"",
            "language": row.language,
            "at": row.created_at,
            "ended": row.ended_at,
            "because": "it refused" if row.ended_at else "",
            "erased": row.erased_at or (None if digest else row.created_at),
        },
    )
    return contact


def _change_subscriptions() -> None:
    # Two addresses of one report and channel cannot be; two channels may have come to one contact only by a fault.
    op.alter_column("subscriptions", "contact_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_subscriptions_contact_id_contacts"), "subscriptions", "contacts", ["contact_id"], ["id"]
    )
    op.create_index(op.f("ix_subscriptions_contact_id"), "subscriptions", ["contact_id"])
    op.drop_constraint(op.f("uq_subscriptions_subscriber_channel"), "subscriptions", type_="unique")
    op.create_unique_constraint(
        op.f("uq_subscriptions_subscriber_contact_id"), "subscriptions", ["subscriber", "contact_id"]
    )
    for name in ("channel", "address", "erased_at"):
        op.drop_column("subscriptions", name)
    op.add_column("subscriptions", sa.Column("area", sa.Text(), nullable=True))
    op.add_column("subscriptions", sa.Column("item", sa.Text(), nullable=True))
    op.add_column(
        "subscriptions",
        sa.Column(
            "pace",
            sa.Enum("each", "daily", "weekly", name="pace", native_enum=False, create_constraint=True, length=32),
            nullable=False,
            server_default="each",
        ),
    )
    op.alter_column("subscriptions", "pace", server_default=None)
    op.add_column("subscriptions", sa.Column("told_until", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("subscriptions", "work_order_id", nullable=True)
    op.alter_column("subscriptions", "subscriber", nullable=True)
    op.create_check_constraint(
        op.f("ck_subscriptions_about_something"),
        "subscriptions",
        "work_order_id IS NOT NULL OR area IS NOT NULL OR item IS NOT NULL",
    )
    op.create_index(
        "uq_subscriptions_follower",
        "subscriptions",
        ["contact_id", "work_order_id"],
        unique=True,
        postgresql_where=sa.text("subscriber IS NULL AND work_order_id IS NOT NULL"),
    )
    op.create_index(
        "uq_subscriptions_topic",
        "subscriptions",
        ["contact_id", sa.text("coalesce(area, '')"), sa.text("coalesce(item, '')")],
        unique=True,
        postgresql_where=sa.text("work_order_id IS NULL"),
    )
    op.create_index(
        "ix_subscriptions_letters", "subscriptions", ["told_until"], postgresql_where=sa.text("work_order_id IS NULL")
    )


def _change_deliveries() -> None:
    op.add_column("deliveries", sa.Column("contact_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE deliveries SET contact_id = subscriptions.contact_id FROM subscriptions"
        " WHERE subscriptions.id = deliveries.subscription_id"
    )
    # Who had given one address with two reports of a work order was told twice: the first of the two stays.
    op.execute(
        "DELETE FROM delivery_attempts USING deliveries AS later, deliveries AS first WHERE delivery_id = later.id"
        " AND later.event_id = first.event_id AND later.contact_id = first.contact_id AND later.id > first.id"
    )
    op.execute(
        "DELETE FROM deliveries AS later USING deliveries AS first WHERE later.event_id = first.event_id"
        " AND later.contact_id = first.contact_id AND later.id > first.id"
    )
    op.alter_column("deliveries", "contact_id", nullable=False)
    op.create_foreign_key(op.f("fk_deliveries_contact_id_contacts"), "deliveries", "contacts", ["contact_id"], ["id"])
    op.add_column(
        "deliveries",
        sa.Column(
            "kind",
            sa.Enum(
                "step",
                "letter",
                "question",
                name="deliverykind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
            server_default="step",
        ),
    )
    op.alter_column("deliveries", "kind", server_default=None)
    for column in (
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("copies", sa.BigInteger(), nullable=False, server_default="0"),
    ):
        op.add_column("deliveries", column)
    op.alter_column("deliveries", "copies", server_default=None)
    op.alter_column("deliveries", "subscription_id", nullable=True)
    op.alter_column("deliveries", "event_id", nullable=True)
    _allow(*STATES)
    op.create_unique_constraint(op.f("uq_deliveries_contact_id_event_id"), "deliveries", ["contact_id", "event_id"])
    op.create_unique_constraint(op.f("uq_deliveries_subscription_id_until"), "deliveries", ["subscription_id", "until"])
    op.create_unique_constraint(op.f("uq_deliveries_contact_id_number"), "deliveries", ["contact_id", "number"])
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["contact_id"],
        postgresql_where=sa.text("state = 'queued' AND next_at IS NULL"),
    )
    op.create_index("ix_deliveries_sent", "deliveries", ["contact_id", "sent_at"])
    op.create_index(
        "ix_deliveries_stuck",
        "deliveries",
        ["created_at"],
        postgresql_where=sa.text("state IN ('failed', 'given_up')"),
    )
    op.create_check_constraint(
        op.f("ck_deliveries_whole"),
        "deliveries",
        "CASE kind WHEN 'step' THEN event_id IS NOT NULL AND subscription_id IS NOT NULL"
        " WHEN 'letter' THEN until IS NOT NULL AND since IS NOT NULL AND subscription_id IS NOT NULL"
        " ELSE number IS NOT NULL END",
    )


def _allow(*states: str) -> None:
    name = op.f("ck_deliveries_deliverystate")
    op.drop_constraint(name, "deliveries", type_="check")
    op.create_check_constraint(name, "deliveries", f"state IN ({', '.join(repr(state) for state in states)})")


def downgrade() -> None:
    """Take it back: followers, letters and questions go; reporters keep the address that they gave."""
    op.drop_index("ix_work_orders_fixed_at", table_name="work_orders")
    op.drop_index("ix_work_orders_opened_at", table_name="work_orders")
    op.execute(
        "DELETE FROM delivery_attempts USING deliveries WHERE delivery_id = deliveries.id AND (kind <> 'step'"
        " OR subscription_id IN (SELECT id FROM subscriptions WHERE subscriber IS NULL))"
    )
    op.execute(
        "DELETE FROM deliveries WHERE kind <> 'step'"
        " OR subscription_id IN (SELECT id FROM subscriptions WHERE subscriber IS NULL)"
    )
    op.execute("DELETE FROM subscriptions WHERE subscriber IS NULL")
    op.execute("UPDATE deliveries SET state = 'sent' WHERE state = 'delivered'")
    op.drop_constraint(op.f("ck_deliveries_whole"), "deliveries", type_="check")
    for index in ("ix_deliveries_stuck", "ix_deliveries_sent", "ix_deliveries_waiting"):
        op.drop_index(index, table_name="deliveries")
    for name in ("contact_id_number", "subscription_id_until", "contact_id_event_id"):
        op.drop_constraint(op.f(f"uq_deliveries_{name}"), "deliveries", type_="unique")
    _allow(*(state for state in STATES if state != "delivered"))
    op.alter_column("deliveries", "event_id", nullable=False)
    op.alter_column("deliveries", "subscription_id", nullable=False)
    for column in ("copies", "number", "until", "since", "kind", "contact_id"):
        op.drop_column("deliveries", column)
    _restore_subscriptions()
    op.drop_table("contacts")


def _restore_subscriptions() -> None:
    for index in ("ix_subscriptions_letters", "uq_subscriptions_topic", "uq_subscriptions_follower"):
        op.drop_index(index, table_name="subscriptions")
    op.drop_constraint(op.f("ck_subscriptions_about_something"), "subscriptions", type_="check")
    for name in ("told_until", "pace", "item", "area"):
        op.drop_column("subscriptions", name)
    op.alter_column("subscriptions", "subscriber", nullable=False)
    op.alter_column("subscriptions", "work_order_id", nullable=False)
    op.add_column(
        "subscriptions",
        sa.Column(
            "channel",
            sa.Enum("email", "sms", name="channelkind", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
    )
    op.add_column("subscriptions", sa.Column("address", sa.LargeBinary(), nullable=True))
    op.add_column("subscriptions", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE contacts SET channel = 'sms', address = '', erased_at = now() WHERE channel NOT IN ('email', 'sms')")
    op.execute(
        "UPDATE subscriptions SET channel = contacts.channel, address = contacts.address,"
        " erased_at = contacts.erased_at, ended_at = coalesce(subscriptions.ended_at, contacts.ended_at)"
        " FROM contacts WHERE contacts.id = subscriptions.contact_id"
    )
    op.alter_column("subscriptions", "channel", nullable=False)
    op.alter_column("subscriptions", "address", nullable=False)
    op.drop_constraint(op.f("uq_subscriptions_subscriber_contact_id"), "subscriptions", type_="unique")
    # Of several addresses of one report and channel the last one given stays.
    op.execute(
        "DELETE FROM delivery_attempts USING deliveries, subscriptions AS gone, subscriptions AS kept"
        " WHERE delivery_id = deliveries.id AND deliveries.subscription_id = gone.id"
        " AND gone.subscriber = kept.subscriber AND gone.channel = kept.channel AND gone.id < kept.id"
    )
    op.execute(
        "DELETE FROM deliveries USING subscriptions AS gone, subscriptions AS kept"
        " WHERE deliveries.subscription_id = gone.id"
        " AND gone.subscriber = kept.subscriber AND gone.channel = kept.channel AND gone.id < kept.id"
    )
    op.execute(
        "DELETE FROM subscriptions AS gone USING subscriptions AS kept"
        " WHERE gone.subscriber = kept.subscriber AND gone.channel = kept.channel AND gone.id < kept.id"
    )
    op.drop_index(op.f("ix_subscriptions_contact_id"), table_name="subscriptions")
    op.drop_column("subscriptions", "contact_id")
    op.create_unique_constraint(
        op.f("uq_subscriptions_subscriber_channel"), "subscriptions", ["subscriber", "channel"]
    )
