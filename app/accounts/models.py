"""Tables of staff and their tokens."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.roles import Role, TokenKind
from app.db import Base, Identified


class Staff(Base, Identified):
    """A person of the city, or a machine client that acts as one.

    ``unit`` is the code of theirs, or ``*`` for any; without unit or area: nothing at all. ``login`` is kept in lower
    case. ``one_time_until`` is set while the password is one that somebody else chose: it opens a session that may do
    nothing but set an own one. ``subject`` is who they are at the single sign-on: issuer and sub.
    """

    __tablename__ = "staff"

    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    unit: Mapped[str | None]
    area: Mapped[str | None]
    machine: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime]
    disabled_at: Mapped[dt.datetime | None]

    login: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    one_time_until: Mapped[dt.datetime | None]
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_confirmed_at: Mapped[dt.datetime | None]
    last_totp_step: Mapped[int | None]
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[dt.datetime | None]
    subject: Mapped[str | None] = mapped_column(unique=True)


class Token(Base, Identified):
    """An opaque bearer token; only its SHA-256 is kept. ``scopes`` is empty (NULL) where the role alone decides."""

    __tablename__ = "tokens"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    kind: Mapped[TokenKind]
    scopes: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    label: Mapped[str]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]

    staff: Mapped[Staff] = relationship(lazy="raise")
