"""What a database was set up with: the secret key, and the photo store that belongs to it.

One row, written by the owner's role in ``flask db upgrade``. It holds nothing from which the key could be computed:
an HMAC-SHA256 of a constant under a key of its own, derived by HKDF.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from uuid import UUID

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, Session, mapped_column
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db import Base
from app.derivation import derive_key
from app.errors import SettingsFault

OTHER_KEY = (
    "SECRET_KEY is not the one that this database was set up with: contacts cannot be read and links lead nowhere. "
    "Set the right one, or accept the loss with `flask db accept-key`."
)


class Installation(Base):
    """What the database was set up with. ``store_marked_at`` is empty until the store holds ``store_id``."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_check: Mapped[bytes]
    store_id: Mapped[UUID]
    store_marked_at: Mapped[dt.datetime | None]


_HAS_TABLE = text("SELECT to_regclass('installation') IS NOT NULL")


def key_check(settings: Settings) -> bytes:
    """Return the check value of a secret key."""
    return hmac.digest(derive_key(settings, b"suishoupai key check"), b"suishoupai", hashlib.sha256)


def find_installation(session: Session) -> Installation | None:
    """Find the row; None before the first ``flask db upgrade`` that makes it."""
    return session.get(Installation, 1) if session.scalar(_HAS_TABLE) else None


def has_other_key(session: Session, settings: Settings) -> bool:
    """Tell whether the database was set up with another secret key than that of the settings."""
    found = find_installation(session)
    return found is not None and not hmac.compare_digest(found.key_check, key_check(settings))


def require_same_key(session: Session, settings: Settings) -> None:
    """Raise SettingsFault where the database was set up with another secret key."""
    if has_other_key(session, settings):
        raise SettingsFault(OTHER_KEY)


def record_installation(session: Session, settings: Settings) -> None:
    """Record the secret key where none is recorded. Raises SettingsFault where it is another one."""
    if session.scalar(_HAS_TABLE) and session.get(Installation, 1) is None:
        session.add(Installation(id=1, key_check=key_check(settings), store_id=uuid7()))
        session.flush()
    require_same_key(session, settings)


def accept_key(session: Session, settings: Settings) -> None:
    """Record the secret key of the settings in place of the one of before."""
    session.get_one(Installation, 1).key_check = key_check(settings)
