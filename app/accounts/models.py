"""Tables of staff and their tokens."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.roles import Role
from app.db import Base, Identified


class Staff(Base, Identified):
    """A person of the city. ``unit`` is the code of theirs, or ``*`` for any; without unit or area: nothing at all."""

    __tablename__ = "staff"

    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    unit: Mapped[str | None]
    area: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    disabled_at: Mapped[dt.datetime | None]


class Token(Base, Identified):
    """An opaque bearer token; only its SHA-256 is kept."""

    __tablename__ = "tokens"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    label: Mapped[str]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]

    staff: Mapped[Staff] = relationship(lazy="raise")
