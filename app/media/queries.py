"""Reads of photos."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, cast, func, literal_column, select, union
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import Session

from app.media.models import BAND_SHIFTS, Photo, PhotoDecision
from app.media.store import pair_of

ALIKE_BITS = 3
_BITS = 64
_BAND = literal_column("65535", BigInteger)


def find_photo(session: Session, photo_id: UUID) -> Photo | None:
    """Find a photo by its id."""
    return session.get(Photo, photo_id)


def find_photos(session: Session, photo_ids: Sequence[UUID]) -> list[Photo]:
    """Find photos by their ids, in the order given; unknown ones are left out."""
    found = {photo.id: photo for photo in session.scalars(select(Photo).where(Photo.id.in_(photo_ids)))}
    return [found[photo_id] for photo_id in photo_ids if photo_id in found]


def is_public() -> ColumnElement[bool]:
    """Give the condition of ``Photo.is_public`` in SQL."""
    looked = Photo.detected_at.is_not(None) | Photo.released_at.is_not(None)
    return Photo.masked_at.is_not(None) & looked & Photo.hidden_at.is_(None)


def public_among(session: Session, photo_ids: Collection[UUID]) -> frozenset[UUID]:
    """Give those of the photos whose masked pictures everybody may see."""
    if not photo_ids:
        return frozenset()
    return frozenset(session.scalars(select(Photo.id).where(Photo.id.in_(photo_ids), is_public())))


def unmasked(session: Session, *, limit: int) -> Sequence[UUID]:
    """Give photos that have plain renditions, no masked ones, and no fault that says why; first stored first."""
    statement = (
        select(Photo.id)
        .where(Photo.masked_at.is_(None), Photo.claimed_at.is_not(None))
        .where(Photo.rendered_at.is_not(None), Photo.mask_fault.is_(None))
        .order_by(Photo.stored_at)
        .limit(limit)
    )
    return session.scalars(statement).all()


def decisions_of(session: Session, photo_id: UUID) -> Sequence[PhotoDecision]:
    """Give what staff did with the picture of a photo, first done first."""
    statement = select(PhotoDecision).where(PhotoDecision.photo_id == photo_id)
    return session.scalars(statement.order_by(PhotoDecision.at, PhotoDecision.id)).all()


def referred(session: Session, digests: Iterable[str]) -> set[str]:
    """Give those of the digests that some photo refers to."""
    return set(session.scalars(select(Photo.digest).where(Photo.digest.in_(list(digests))).distinct()))


def mask_revisions(session: Session, photo_ids: Iterable[UUID]) -> dict[UUID, tuple[str, int]]:
    """Give digest and present mask revision of photos; unknown ones are left out."""
    statement = select(Photo.id, Photo.digest, Photo.mask_revision).where(Photo.id.in_(list(photo_ids)))
    return {row.id: (row.digest, row.mask_revision) for row in session.execute(statement)}


def stale_pairs(session: Session, keys: Iterable[str]) -> Collection[str]:
    """Give those keys of pairs whose photos are gone, or are masked differently by now."""
    named = {key: pair for key in keys if (pair := pair_of(key))}
    ids = {photo_id for pair in named.values() for photo_id, _ in pair}
    rows = session.execute(select(Photo.id, Photo.mask_revision).where(Photo.id.in_(ids))) if ids else ()
    present = {(row[0], row[1]) for row in rows}
    return {key for key, pair in named.items() if not present.issuperset(pair)}


def find_alike(
    session: Session, photo: Photo, *, most_bits: int = ALIKE_BITS, limit: int, apart_from: Collection[UUID] = ()
) -> list[Photo]:
    """Find other photos with the same bytes, or a hash that differs in ``most_bits`` bits at most; first used first.

    A photo that nobody claimed was never used; those of ``apart_from`` are left out. Four indexes find the hashes that
    share a band with the photo's: by the pigeonhole principle these are all that differ in up to three bits. They hold
    the whole hash, so that where many photos share a band the table is read for those alone that are like it.
    """
    if not 0 <= most_bits < len(BAND_SHIFTS):
        raise ValueError(f"{most_bits} bits: the bands find 0 to {len(BAND_SHIFTS) - 1}")
    if photo.arrived_at is None:
        return []
    same = [select(Photo.id).where(Photo.digest == photo.digest)]
    if photo.dhash is not None:
        near = func.bit_count(cast(Photo.dhash.bitwise_xor(photo.dhash), BIT(_BITS))) <= most_bits
        bands = ((_band(shift), _band_of(photo.dhash, shift)) for shift in BAND_SHIFTS)
        same += [select(Photo.id).where(band == value, near) for band, value in bands]
    statement = (
        select(Photo)
        .where(Photo.id.in_(union(*same)), Photo.claimed_at.is_not(None), Photo.id.not_in([photo.id, *apart_from]))
        .order_by(Photo.claimed_at, Photo.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def _band(shift: int) -> ColumnElement[int]:
    # Literal numbers: the planner takes an index over an expression only where the expression is the same.
    return Photo.dhash.bitwise_rshift(literal_column(str(shift), Integer)).bitwise_and(_BAND)


def _band_of(dhash: int, shift: int) -> int:
    return dhash >> shift & 0xFFFF
