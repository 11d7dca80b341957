"""Pairs: the pictures of before and after a repair in one frame, made of masked renditions alone.

Their keys carry the mask revisions of both photos: what is masked anew has no pair until that is made anew too.
``make_pair`` is slow and runs outside of transactions.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.media import links, queries
from app.media.errors import NoSuchRendition, NotReady, StoreUnavailable
from app.media.formats import Format
from app.media.links import Side
from app.media.models import Photo
from app.media.service import SIZES, Media, Rendition
from app.media.store import NoSuchObject, masked_key, pair_key


@dataclass(frozen=True, slots=True)
class Masked:
    """A photo as it was masked at a revision."""

    photo_id: UUID
    digest: str
    revision: int

    @classmethod
    def of(cls, photo: Photo) -> Masked:
        """Give what a photo is masked as now."""
        return cls(photo.id, photo.digest, photo.mask_revision)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two masked photos that belong together."""

    before: Masked
    after: Masked

    def key(self, side: Side, size: int) -> str:
        """Give the key of one of its pictures."""
        before, after = ((each.photo_id, each.revision) for each in (self.before, self.after))
        return pair_key(self.after.digest, before, after, f"{side}-{size}")

    @property
    def keys(self) -> list[str]:
        """Give the keys of all its pictures."""
        return [self.key(side, size) for side in Side for size in SIZES]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a pair; width and height are pixels of the large pictures."""

    aligned: bool
    width: int
    height: int


def make_pair(media: Media, pair: Pair) -> Made:
    """Make and store the pictures of a pair; doing it again replaces them.

    Raises Undecodable (TooSlow where it may pass), DecoderUnavailable, StoreUnavailable.
    """
    before, after = (_masked(media, each) for each in (pair.before, pair.after))
    made = media.aligner.align(before, after, SIZES)
    for side, pictures in ((Side.BEFORE, made.before), (Side.AFTER, made.after)):
        for size, picture in zip(SIZES, pictures, strict=True):
            media.store.put(pair.key(side, size), picture)
    return Made(made.aligned, made.width, made.height)


def forget_pair(media: Media, pair: Pair, *, since: dt.datetime) -> None:
    """Delete the pictures of a pair, but not those that were put since then: it may have been made again."""
    for key in pair.keys:
        media.store.delete(key, unless_put_since=since)


def pair_url(media: Media, before_id: UUID, after_id: UUID, side: Side, size: int) -> str:
    """Give the signed link of a picture of a pair with the public address before it, ``size`` one of SIZES."""
    return media.public_url + links.pair_path(media.key, before_id, after_id, side, size)


def find_pair(
    session: Session, media: Media, before_id: UUID, after_id: UUID, name: str, *, signature: str
) -> Rendition:
    """Find where a picture of a pair lies, named ``before-320`` and so on; it is there once the pair is made.

    Raises NoSuchRendition where the signature is not ours or there are no such photos; NotReady while the public may
    not see one of them.
    """
    side, size = _read(name)
    if not links.verify_pair(media.key, before_id, after_id, side, size, signature=signature):
        raise NoSuchRendition
    return _locate(session, media, before_id, after_id, side=side, size=size)


def read_pair(session: Session, media: Media, before_id: UUID, after_id: UUID, size: int) -> tuple[bytes, bytes]:
    """Read both pictures of a pair, JPEG. Raises NoSuchRendition, NotReady, StoreUnavailable."""
    found = [_locate(session, media, before_id, after_id, side=side, size=size) for side in (Side.BEFORE, Side.AFTER)]
    try:
        before, after = (media.store.get(rendition.key) for rendition in found)
    except NoSuchObject as error:
        raise StoreUnavailable("The pictures of the pair are not in the store.") from error
    return before, after


def _locate(session: Session, media: Media, before_id: UUID, after_id: UUID, *, side: Side, size: int) -> Rendition:
    before, after = (queries.find_photo(session, photo_id) for photo_id in (before_id, after_id))
    if before is None or after is None:
        raise NoSuchRendition
    if not (before.is_public and after.is_public):
        raise NotReady
    key = Pair(Masked.of(before), Masked.of(after)).key(side, size)
    return Rendition(key, Format.JPEG, links.sign(media.key, "etag", *key.split("/")))


def _masked(media: Media, photo: Masked) -> bytes:
    try:
        return media.store.get(masked_key(photo.digest, photo.photo_id, photo.revision, max(SIZES)))
    except NoSuchObject as error:
        raise StoreUnavailable("The masked rendition is not in the store.") from error


def _read(name: str) -> tuple[Side, int]:
    known = {f"{side}-{size}": (side, size) for side in Side for size in SIZES}
    if name not in known:
        raise NoSuchRendition
    return known[name]
