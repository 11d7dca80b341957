"""What is done with photos: accept, record, claim, render, show, sweep.

``accept``, ``make_renditions`` and ``read_first`` are slow and run outside of transactions; the rest takes the caller's
session.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from itertools import chain, product
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import setbacks
from app.config import Settings
from app.geo.types import Point
from app.jobs import enqueue
from app.media import links, orphans, queries, spool
from app.media.breaker import Limits, StoreHealth
from app.media.errors import (
    NoPhotos,
    NoSuchPhoto,
    NoSuchRendition,
    NotReady,
    PhotoTooLarge,
    StoreUnavailable,
    TooManyPhotos,
    UnreadablePhoto,
)
from app.media.formats import Format
from app.media.links import Kind
from app.media.models import Photo
from app.media.probe import Aligner, Detector, HaarDetector, Probe, Prober, Undecodable
from app.media.store import (
    FolderStore,
    NoSuchObject,
    ObjectStore,
    masked_key,
    original_key,
    rendition_key,
)
from app.restores import spared_since

log = logging.getLogger(__name__)

MOST_PHOTOS = 6
MOST_BYTES = 20_000_000
SIZES = (1600, 320)
# What is made of a photo, in the order in which the decoders give it.
VARIANTS = tuple(product(SIZES, Format))
UNCLAIMED_FOR = dt.timedelta(hours=24)
FORGOTTEN_AT_ONCE = 5000
UNCLAIMED = "media.forget"
_NAME_LENGTH = 100
# What answers people waits for the store for seconds, a job for half a minute.
_ANSWER_S, _ANSWER_WAIT_S = 5.0, 0.2
_JOB_S, _JOB_WAIT_S = 30.0, 5.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came: the sender's name for it and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A photo that was decoded once; not yet a row. Fields as in Photo.

    ``unstored`` is the original where the store did not take it; else that is stored durably.
    """

    name: str
    digest: str
    key: str
    size: int
    media_type: str
    width: int
    height: int
    orientation: int
    taken_at: dt.datetime | None
    taken_zone_known: bool
    position: Point | None
    direction: float | None
    altitude: float | None = None
    dhash: int | None = None
    sharpness: float | None = None
    unstored: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Rendition:
    """Where a rendition lies that may be shown, its format and its entity tag."""

    key: str
    kind: Format
    tag: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A rendition as it is sent: its bytes, their format, and the entity tag of both."""

    data: bytes
    kind: Format
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Store, decoders, signing key and detector of this process; without a detector staff release each picture.

    ``aligner`` is the detector's child, which starts with the first picture. ``spool_bytes`` is how many bytes of
    originals may wait in the database while the store is away.
    """

    store: ObjectStore
    prober: Prober
    key: bytes
    public_url: str
    detector: Detector | None = None
    aligner: Aligner = field(default_factory=HaarDetector)
    spool_bytes: int = 0


_configured: list[Media] = []


def open_media(settings: Settings, *, for_jobs: bool = False) -> Media:
    """Open the store and the decoders that the settings name; jobs may wait longer for the store than requests.

    Raises SettingsFault for a store that is no use.
    """
    seconds, wait_s = (_JOB_S, _JOB_WAIT_S) if for_jobs else (_ANSWER_S, _ANSWER_WAIT_S)
    opencv = HaarDetector()
    return Media(
        store=_open_store(settings, Limits(seconds, wait_s, calls=settings.store_calls)),
        prober=Prober(settings.photo_probes),
        key=links.derive_key(settings.secret_key),
        public_url=settings.public_url,
        detector=opencv if settings.photo_detector == "haar" else None,
        aligner=opencv,
        # The disk of a folder is often that of the database: what does not fit there does not fit here.
        spool_bytes=settings.photo_spool_mb * 1_000_000 if settings.s3_endpoint else 0,
    )


def _open_store(settings: Settings, limits: Limits) -> ObjectStore:
    if not settings.s3_endpoint:
        return FolderStore(settings.media_root)
    # Who keeps photos in a folder has no need of boto3 and its memory, in every process.
    from app.media.s3 import S3Store  # noqa: PLC0415

    return S3Store(
        endpoint=settings.s3_endpoint,
        bucket=settings.s3_bucket,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        public_endpoint=settings.s3_public_endpoint,
        limits=limits,
    )


def configure(media: Media) -> None:
    """Make ``media`` the one that ``current`` gives in this process; called once by whoever starts it."""
    _configured[:] = [media]


def current() -> Media:
    """Give the Media of this process."""
    if not _configured:
        raise RuntimeError("app.media.service.configure was not called in this process")
    return _configured[0]


def store_health() -> StoreHealth:
    """Give what this process knows of the store of photos, without asking it."""
    return current().store.health


def accept(media: Media, files: Sequence[Upload], *, spools: bool = True) -> tuple[Accepted, ...]:
    """Decode and store 1 to 6 photos, before any transaction: all of them, or none where one is refused.

    Where ``spools`` and the store is away, ``record`` keeps the originals in the database. What is stored and never
    recorded (the transaction failed, the process died) is an orphan, which ``sweep`` removes.
    Raises NoPhotos, TooManyPhotos, PhotoTooLarge, UnreadablePhoto, DecoderUnavailable, StoreUnavailable.
    """
    if not files:
        raise NoPhotos
    if len(files) > MOST_PHOTOS:
        raise TooManyPhotos(count=len(files), limit=MOST_PHOTOS)
    names = [shown_name(file.name, index) for index, file in enumerate(files)]
    for index, file in enumerate(files):
        check_size(name=file.name, index=index, size=len(file.data))
    probes = [_probe(media, names[index], index, file.data) for index, file in enumerate(files)]
    accepted = tuple(_describe(name, file.data, probe) for name, file, probe in zip(names, files, probes, strict=True))
    return tuple(_store(media, accepted, files, spools=spools and media.spool_bytes > 0))


def _store(media: Media, accepted: Sequence[Accepted], files: Sequence[Upload], *, spools: bool) -> Iterator[Accepted]:
    """Store the originals; after the first that the store does not take no other one is tried."""
    away = False
    for photo, file in zip(accepted, files, strict=True):
        if not away:
            try:
                # Put even where it is there: it renews its time, which keeps the sweep away, and mends a damaged file.
                media.store.put(photo.key, file.data)
            except StoreUnavailable:
                if not spools:
                    raise
                away = True
        yield replace(photo, unstored=file.data) if away else photo


def check_size(*, name: str, index: int, size: int) -> None:
    """Refuse a file by its size in bytes, before it is read. Raises PhotoTooLarge."""
    if size > MOST_BYTES:
        raise PhotoTooLarge(name=shown_name(name, index), index=index, size=size, limit=MOST_BYTES)


def shown_name(name: str, index: int) -> str:
    """Give a file's name as it is shown: printable, without backticks, not too long."""
    printable = "".join(letter for letter in name if letter.isprintable() and letter != "`").strip()[:_NAME_LENGTH]
    return printable or f"photo {index + 1}"


def _probe(media: Media, name: str, index: int, data: bytes) -> Probe:
    try:
        return media.prober.probe(data)
    except Undecodable as error:
        raise UnreadablePhoto(name=name, index=index, reason=str(error)) from error


def _describe(name: str, data: bytes, probe: Probe) -> Accepted:
    digest = hashlib.sha256(data).hexdigest()
    return Accepted(
        name=name,
        digest=digest,
        key=original_key(digest),
        size=len(data),
        media_type=probe.media_type,
        width=probe.width,
        height=probe.height,
        orientation=probe.orientation,
        taken_at=probe.taken_at,
        taken_zone_known=probe.taken_zone_known,
        position=Point(*probe.position) if probe.position else None,
        direction=probe.direction,
        altitude=probe.altitude,
        dhash=probe.dhash,
        sharpness=probe.sharpness,
    )


def record(session: Session, accepted: Accepted, *, now: dt.datetime, claimed: bool) -> Photo:
    """Add the row of an accepted photo and enqueue the making of its renditions.

    ``claimed`` says that the caller's transaction refers to it; otherwise ``claim`` must follow within a day. An
    original that the store did not take is kept in the database. Raises StoreUnavailable where that is full.
    """
    photo = Photo(stored_at=now, claimed_at=now if claimed else None)
    fill(photo, accepted, now=now)
    session.add(photo)
    session.flush()
    if accepted.unstored is None:
        enqueue(session, "media.render", photo_id=str(photo.id))
    else:
        spool.add(session, photo.id, accepted.unstored, most_bytes=current().spool_bytes, now=now)
    return photo


def fill(photo: Photo, accepted: Accepted, *, now: dt.datetime) -> None:
    """Write down what the bytes of a photo say."""
    for each in fields(accepted):
        if each.name not in {"name", "unstored"}:
            setattr(photo, each.name, getattr(accepted, each.name))
    photo.arrived_at = now


def claim(session: Session, photo_ids: Sequence[UUID], *, now: dt.datetime) -> list[Photo]:
    """Lock unclaimed photos and mark them claimed; give them in the order of their first naming.

    Raises TooManyPhotos, and NoSuchPhoto where one is unknown or was claimed before; then none is claimed.
    """
    wanted = list(dict.fromkeys(photo_ids))
    if len(wanted) > MOST_PHOTOS:
        raise TooManyPhotos(count=len(wanted), limit=MOST_PHOTOS)
    # In the order of their ids, so that two claims of the same photos wait for each other instead of dying.
    locked = select(Photo).where(Photo.id.in_(wanted)).order_by(Photo.id).with_for_update()
    found = {photo.id: photo for photo in session.scalars(locked, execution_options={"populate_existing": True})}
    missing = [one for one in wanted if one not in found or found[one].claimed_at is not None]
    if missing:
        raise NoSuchPhoto(missing=missing)
    for photo in found.values():
        photo.claimed_at = now
    session.flush()
    return [found[one] for one in wanted]


def make_renditions(media: Media, photo: Photo) -> None:
    """Make and store the renditions of a photo; doing it again replaces them.

    Raises Undecodable (TooSlow where it may pass), DecoderUnavailable, StoreUnavailable.
    """
    try:
        original = media.store.get(photo.key)
    except NoSuchObject as error:
        # It was put before its row was written: a folder that is not mounted, a backup that is not all back yet.
        raise StoreUnavailable("The original is not in the store.") from error
    made = media.prober.render(original, SIZES, tuple(Format))
    for variant, picture in zip(VARIANTS, made, strict=True):
        media.store.put(rendition_key(photo.digest, *variant), picture)


def mark_rendered(session: Session, photo_id: UUID, *, now: dt.datetime) -> None:
    """Say that the renditions of a photo are in the store."""
    session.execute(update(Photo).where(Photo.id == photo_id).values(rendered_at=now, render_fault=None))


def note_fault(session: Session, photo_id: UUID, fault: str) -> None:
    """Keep why the renditions of a photo could not be made."""
    session.execute(update(Photo).where(Photo.id == photo_id).values(render_fault=fault))


def rendition_url(media: Media, photo_id: UUID, size: int, *, kind: Kind = Kind.PLAIN, absolute: bool = False) -> str:
    """Give the signed link of a rendition, ``size`` one of SIZES: a path, or with the public address before it."""
    return (media.public_url if absolute else "") + links.rendition_path(media.key, photo_id, size, kind)


def find_renditions(
    session: Session,
    media: Media,
    photo_id: UUID,
    size: int,
    *,
    signature: str,
    kind: Kind = Kind.PLAIN,
    wanted: Format = Format.JPEG,
) -> list[Rendition]:
    """Find where a rendition may lie: in the format that is wanted, else as the JPEG that there was before formats.

    Raises NoSuchRendition where the signature is not ours or there is no such photo, NotReady before it is made, and
    for a masked one while the public may not see it.
    """
    if size not in SIZES or not links.verify(media.key, photo_id, size, signature, kind):
        raise NoSuchRendition
    photo = queries.find_photo(session, photo_id)
    if photo is None:
        raise NoSuchRendition
    if photo.arrived_at is None:
        raise NotReady
    masked = kind is Kind.MASKED
    if masked and not photo.is_public:
        raise NotReady
    version = (photo.id, photo.mask_revision) if masked else ()
    return [
        Rendition(
            masked_key(photo.digest, *version, size, each) if version else rendition_key(photo.digest, size, each),
            each,
            # Keyed: the digest of a private original is nobody's business.
            links.sign(media.key, "etag", photo.digest, *version, size, each),
        )
        for each in dict.fromkeys((wanted, Format.JPEG))
    ]


def read_first(media: Media, renditions: Sequence[Rendition]) -> Shown:
    """Read the first of some renditions that is there, outside of transactions. Raises NotReady where none is."""
    for each in renditions:
        with suppress(NoSuchObject):
            return Shown(media.store.get(each.key), each.kind, each.tag)
    raise NotReady


def forget_unclaimed(session: Session, *, now: dt.datetime) -> int:
    """Delete the rows of photos that nobody claimed for a day; give their number. ``sweep`` then finds their bytes.

    Of one call 5,000 at most; one that cannot be deleted (a fault of ours) is put off.
    """
    stale = Photo.claimed_at.is_(None), Photo.stored_at < now - UNCLAIMED_FOR
    forgotten: list[UUID] = []

    def forget(some: Sequence[UUID]) -> None:
        forgotten.extend(session.scalars(delete(Photo).where(Photo.id.in_(some), *stale).returning(Photo.id)))

    chosen = select(Photo.id).where(*stale, ~setbacks.is_put_off(UNCLAIMED, Photo.id, now=now))
    setbacks.attempt_all(session, UNCLAIMED, session.scalars(chosen.limit(FORGOTTEN_AT_ONCE)).all(), forget, now=now)
    return len(forgotten)


def swept_before(session: Session, *, now: dt.datetime) -> dt.datetime:
    """Give the moment of which older objects may be swept: a day ago, or two weeks long that of a restored database.

    What was put after that moment may be all that is left of reports that were acknowledged.
    """
    spared = spared_since(session, now=now)
    return min(now - UNCLAIMED_FOR, spared) if spared else now - UNCLAIMED_FOR


def sweep(session: Session, media: Media, *, now: dt.datetime, folders: Sequence[str] | None = None) -> int:
    """Delete stored objects that no row refers to, of before ``swept_before``; give their number. Runs after a commit.

    Without ``folders`` the whole store is listed; ``orphans.folders_of_hour`` gives those of an hour.

    Safe beside an ``accept`` of the same bytes: that puts the object again, which renews its time, before its row is
    written; the store looks at the time and deletes in one step, so that it either spares the object or deletes it
    before the put, which then stores it anew.
    """
    before = swept_before(session, now=now)
    found = chain.from_iterable(orphans.find(session, media.store, before=before, folders=folders))
    return orphans.delete_each(media.store, (stored.key for stored in found), before=before)
