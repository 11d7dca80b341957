"""Reads of photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.media.models import Photo


def find_photo(session: Session, photo_id: UUID) -> Photo | None:
    """Find a photo by its id."""
    return session.get(Photo, photo_id)


def find_photos(session: Session, photo_ids: Sequence[UUID]) -> list[Photo]:
    """Find photos by their ids, in the order given; unknown ones are left out."""
    found = {photo.id: photo for photo in session.scalars(select(Photo).where(Photo.id.in_(photo_ids)))}
    return [found[photo_id] for photo_id in photo_ids if photo_id in found]


def referred(session: Session, digests: Iterable[str]) -> set[str]:
    """Give those of the digests that some photo refers to."""
    return set(session.scalars(select(Photo.digest).where(Photo.digest.in_(list(digests))).distinct()))
