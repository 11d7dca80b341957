"""Reads of photos."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.media.models import Photo


def find_photo(session: Session, photo_id: UUID) -> Photo | None:
    """Find a photo by its id."""
    return session.get(Photo, photo_id)


def referred(session: Session, digests: Iterable[str]) -> set[str]:
    """Give those of the digests that some photo refers to."""
    return set(session.scalars(select(Photo.digest).where(Photo.digest.in_(list(digests))).distinct()))
