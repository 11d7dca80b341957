"""Originals that wait in the database while the store is away.

A photo whose original the store did not take is recorded with its bytes, in the transaction of the report that brought
it: both are acknowledged, or neither. A periodic job of any worker moves the bytes into the store and has the
renditions made. docs/decisions/0020-file-on-while-the-photo-store-is-away.md has the reasons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.jobs import enqueue
from app.media.breaker import AGAIN
from app.media.errors import StoreUnavailable
from app.media.models import Photo, SpooledPhoto

FULL = f"{AGAIN} A report without photos is taken."


def add(session: Session, photo_id: UUID, data: bytes, *, most_bytes: int, now: dt.datetime) -> None:
    """Keep an original in the database. Raises StoreUnavailable where all originals there exceed ``most_bytes``.

    Filings at one time do not see each other, so that the limit may be exceeded by as many photos as they bring.
    """
    if spooled_bytes(session) + len(data) > most_bytes:
        raise StoreUnavailable(FULL)
    session.add(SpooledPhoto(photo_id=photo_id, data=data, size=len(data), spooled_at=now))
    session.flush()


def spooled_bytes(session: Session) -> int:
    """Give the bytes of all originals that wait."""
    return int(session.scalar(select(func.coalesce(func.sum(SpooledPhoto.size), 0))) or 0)


def waiting(session: Session, *, limit: int) -> Sequence[UUID]:
    """Give photos whose originals wait, the oldest first."""
    statement = select(SpooledPhoto.photo_id).order_by(SpooledPhoto.spooled_at, SpooledPhoto.photo_id)
    return session.scalars(statement.limit(limit)).all()


def waiting_among(session: Session, photo_ids: Collection[UUID]) -> frozenset[UUID]:
    """Give those of the photos whose originals wait."""
    if not photo_ids:
        return frozenset()
    return frozenset(session.scalars(select(SpooledPhoto.photo_id).where(SpooledPhoto.photo_id.in_(photo_ids))))


def read(session: Session, photo_id: UUID) -> tuple[str, bytes] | None:
    """Give the key and the bytes of an original that waits; None where it does not wait any more."""
    statement = select(Photo.key, SpooledPhoto.data).join(SpooledPhoto, SpooledPhoto.photo_id == Photo.id)
    found = session.execute(statement.where(Photo.id == photo_id)).one_or_none()
    return (found.key, found.data) if found else None


def remove(session: Session, photo_id: UUID) -> bool:
    """Remove an original that is in the store by now, and have its renditions made; False where another job did."""
    removed = delete(SpooledPhoto).where(SpooledPhoto.photo_id == photo_id).returning(SpooledPhoto.photo_id)
    if session.scalar(removed) is None:
        return False
    enqueue(session, "media.render", photo_id=str(photo_id))
    return True
