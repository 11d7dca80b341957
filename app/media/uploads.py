"""Direct uploads: announce a photo, PUT its bytes to the store, have them looked at; the photo may be named before.

The client never chooses where an original lies: it puts to a key of the upload, a job reads that once, decodes what
it read in a child, stores that under its digest and fills the photo's row. What is put afterwards is read by nobody.
``examine``, ``is_there`` and ``look`` ask the store and run outside of transactions.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import setbacks
from app.jobs import enqueue
from app.media import links, orphans, service, spool
from app.media.errors import NoSuchUpload, PhotoTooLarge, UploadClosed, UploadDiffers, UploadExpired
from app.media.models import DirectUpload, Photo, UploadState
from app.media.service import Accepted, Media
from app.media.store import UPLOADS, NoSuchObject, Readable, photo_of, upload_key

log = logging.getLogger(__name__)

# Long enough for 20 MB over 50 kbit/s; a signature that leaks is worth nothing soon.
ADDRESS_FOR = dt.timedelta(hours=1)
# A phone that lay in a drawer for a weekend; a week later nobody waits for the picture any more.
AWAITED_FOR = dt.timedelta(days=7)
# A job that failed for good has tried for a day (PATIENT): then the photo is looked at anew.
_LOOKED_AT_WITHIN = dt.timedelta(days=1)
ARRIVAL, AWAITED = "media.look", "media.end_awaiting"
_CHUNK_BYTES = 1 << 16
_AWAITED = (UploadState.EXPECTED, UploadState.NEVER_ARRIVED)
_OPEN = (UploadState.EXPECTED, UploadState.ARRIVED)


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says of the photo that it will send; ``size`` in bytes."""

    media_type: str
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bytes go: a PUT with exactly these headers, until ``expires_at``."""

    url: str
    headers: dict[str, str]
    expires_at: dt.datetime
    method: str = field(default="PUT", init=False)


def announce(session: Session, announced: Announced, *, now: dt.datetime) -> DirectUpload:
    """Add the row of a photo that will come. Raises PhotoTooLarge."""
    _check_size(announced)
    photo = Photo(stored_at=now)
    session.add(photo)
    session.flush()
    upload = DirectUpload(
        photo_id=photo.id, state=UploadState.EXPECTED, attempt=1, opened_at=now, since=now, **_values(announced)
    )
    session.add(upload)
    session.flush()
    return upload


def announce_again(session: Session, photo_id: UUID, announced: Announced | None, *, now: dt.datetime) -> DirectUpload:
    """Let the photo be put again, another file where one is announced; one that is here stays as it is.

    Raises NoSuchUpload, PhotoTooLarge, UploadClosed after a week.
    """
    upload = _lock(session, photo_id)
    if upload.state in {UploadState.ARRIVED, UploadState.READY}:
        return upload
    if now >= upload.opened_at + AWAITED_FOR or upload.state is UploadState.NEVER_ARRIVED:
        raise UploadClosed(say_fault(upload) or _ENDED, state=upload.state.value)
    other = announced is not None and _values(announced) != _values(_announced(upload))
    if announced is not None:
        _check_size(announced)
        upload.media_type, upload.size, upload.name = announced.media_type, announced.size, _shown(announced)
    if other or upload.state is UploadState.REFUSED:
        # Another key: what an old address still brings must not be taken for this.
        upload.attempt += 1
        upload.state, upload.since = UploadState.EXPECTED, now
    session.flush()
    return upload


def address_of(media: Media, upload: DirectUpload, *, now: dt.datetime) -> Address | None:
    """Give where the bytes are to be put, None where none are awaited: in the store itself if clients reach it."""
    if upload.state is not UploadState.EXPECTED:
        return None
    expires_at = min(now + ADDRESS_FOR, upload.opened_at + AWAITED_FOR).replace(microsecond=0)
    seconds = max(1, int((expires_at - now).total_seconds()))
    key = upload_key(upload.photo_id, upload.attempt)
    url = media.store.presign_put(key, media_type=upload.media_type, size=upload.size, seconds=seconds)
    if url is None:
        expires = int(expires_at.timestamp())
        url = media.public_url + links.content_path(media.key, upload.photo_id, *_signed(upload), expires=expires)
    return Address(url, {"Content-Type": upload.media_type, "Content-Length": str(upload.size)}, expires_at)


def find_upload(session: Session, media: Media, photo_id: UUID, *, signature: str) -> DirectUpload:
    """Find an upload for who has its link. Raises NoSuchUpload."""
    if not links.verify_upload(media.key, photo_id, signature):
        raise NoSuchUpload
    return _find(session, photo_id)


def find_for_content(
    session: Session, media: Media, photo_id: UUID, *, expires: int, signature: str, now: dt.datetime
) -> DirectUpload:
    """Find the upload to which an address of ours leads. Raises NoSuchUpload, UploadExpired, UploadClosed."""
    upload = _find(session, photo_id)
    if not links.verify_content(media.key, photo_id, *_signed(upload), expires=expires, signature=signature):
        raise NoSuchUpload
    if now.timestamp() > expires:
        raise UploadExpired(expired_at=dt.datetime.fromtimestamp(expires, dt.UTC))
    if upload.state is UploadState.REFUSED:
        raise UploadClosed(say_fault(upload) or "", state=upload.state.value)
    return upload


def take_content(
    media: Media, upload: DirectUpload, stream: Readable, *, media_type: str, size: int | None, digest: str | None
) -> None:
    """Store the bytes of a PUT; of a photo that is here they must be the same, of ``digest``, and are not stored.

    Raises UploadDiffers, UploadClosed, StoreUnavailable.
    """
    if (media_type, size) != (upload.media_type, upload.size):
        raise _differs(upload, f"{media_type or 'of no type'}, {'of no length' if size is None else f'{size} bytes'}")
    if digest is not None:
        if _digest(stream, upload.size) != digest:
            here = f"Another picture arrived as `{upload.name}`; it stays. Send this one as a new photo."
            raise UploadClosed(here, state=upload.state.value)
    elif not media.store.put_from(upload_key(upload.photo_id, upload.attempt), stream, upload.size):
        raise _differs(upload, "cut off")


def is_there(media: Media, upload: DirectUpload) -> bool:
    """Ask the store whether the bytes of an upload have arrived."""
    return media.store.size(upload_key(upload.photo_id, upload.attempt)) is not None


def note_arrival(session: Session, photo_id: UUID, attempt: int, *, now: dt.datetime) -> DirectUpload:
    """Say that the bytes are in the store, and have them looked at. Said again it changes nothing."""
    upload = _lock(session, photo_id)
    if upload.attempt == attempt and _waits(upload, now):
        _turn(upload, UploadState.ARRIVED, now=now)
        enqueue(session, "media.receive", photo_id=str(photo_id))
    return upload


def examine(media: Media, upload: DirectUpload) -> Accepted:
    """Read, decode and store what arrived.

    Raises NoSuchObject, UploadDiffers, UnreadablePhoto, DecoderUnavailable, StoreUnavailable.
    """
    key = upload_key(upload.photo_id, upload.attempt)
    size = media.store.size(key)
    if size is None:
        raise NoSuchObject(key)
    # Asked before it is read: not every store compares the length.
    if size != upload.size:
        raise _differs(upload, f"{size} bytes")
    (accepted,) = service.accept(media, [service.Upload(upload.name, media.store.get(key))], spools=False)
    return accepted


def mark_ready(session: Session, photo_id: UUID, attempt: int, accepted: Accepted, *, now: dt.datetime) -> bool:
    """Fill the photo's row, once and for all; False where another job did, or the client announced another file."""
    upload = session.get(DirectUpload, photo_id, with_for_update=True, populate_existing=True)
    if upload is None or upload.attempt != attempt or upload.state is UploadState.READY:
        return False
    photo = session.get_one(Photo, photo_id, with_for_update=True, populate_existing=True)
    service.fill(photo, accepted, now=now)
    _turn(upload, UploadState.READY, now=now)
    session.flush()
    enqueue(session, "media.render", photo_id=str(photo_id))
    enqueue(session, "reports.compare_place", photo_id=str(photo_id))
    _tell(session, [photo_id])
    return True


def refuse(session: Session, photo_id: UUID, attempt: int, fault: str, *, now: dt.datetime) -> None:
    """Keep why what arrived is not taken; the photo keeps its place, and may be put again."""
    _leave(session, photo_id, attempt, UploadState.REFUSED, fault, now=now)
    _tell(session, [photo_id])


def await_again(session: Session, photo_id: UUID, attempt: int, *, now: dt.datetime) -> None:
    """Wait on for bytes that were said to be here and are not."""
    _leave(session, photo_id, attempt, UploadState.EXPECTED, None, now=now)


def look(media: Media) -> dict[UUID, set[int]]:
    """Give the uploads whose bytes are in the store, with their attempts, whether or not anybody said so."""
    found: dict[UUID, set[int]] = {}
    for stored in media.store.keys(UPLOADS):
        attempt = stored.key.rpartition(".")[2]
        photo_id = photo_of(stored.key)
        if photo_id is not None and attempt.isdecimal():
            found.setdefault(photo_id, set()).add(int(attempt))
    return found


def note_arrivals(session: Session, there: dict[UUID, set[int]], *, now: dt.datetime) -> int:
    """Say of those that ``look`` found that they arrived; give how many nobody had told of."""
    put_off = setbacks.is_put_off(ARRIVAL, DirectUpload.photo_id, now=now)
    known = session.scalars(select(DirectUpload).where(DirectUpload.photo_id.in_(sorted(there)), ~put_off)).all()
    news = {one.photo_id: one for one in known if one.attempt in there[one.photo_id] and _waits(one, now)}

    def note(upload: DirectUpload) -> None:
        note_arrival(session, upload.photo_id, upload.attempt, now=now)

    return len(setbacks.attempt_each(session, ARRIVAL, news, note, now=now))


def end_awaiting(session: Session, *, now: dt.datetime) -> int:
    """Stop waiting for what was announced a week ago and did not come, or was no picture; give how many.

    Of one call 5,000 at most; one that cannot be ended (a fault of ours) is put off.
    """
    awaited = (
        DirectUpload.state.in_([UploadState.EXPECTED, UploadState.REFUSED]),
        DirectUpload.opened_at < now - AWAITED_FOR,
    )
    put_off = setbacks.is_put_off(AWAITED, DirectUpload.photo_id, now=now)
    ended: list[UUID] = []

    def end(some: Sequence[UUID]) -> None:
        statement = update(DirectUpload).where(DirectUpload.photo_id.in_(some), *awaited)
        statement = statement.values(state=UploadState.NEVER_ARRIVED, since=now)
        changed = statement.returning(DirectUpload.photo_id)
        ended.extend(session.scalars(changed, execution_options={"synchronize_session": "fetch"}))

    chosen = select(DirectUpload.photo_id).where(*awaited, ~put_off).limit(service.FORGOTTEN_AT_ONCE)
    setbacks.attempt_all(session, AWAITED, session.scalars(chosen).all(), end, now=now)
    _tell(session, ended)
    return len(ended)


def sweep_uploads(session: Session, media: Media, *, before: dt.datetime) -> int:
    """Delete what was uploaded before that moment and no open upload waits for; give the number. After a commit."""
    old = [stored.key for stored in media.store.keys(UPLOADS) if stored.put_at < before]
    named = {photo_id for key in old if (photo_id := photo_of(key)) is not None}
    awaited = select(DirectUpload.photo_id).where(DirectUpload.photo_id.in_(named), DirectUpload.state.in_(_OPEN))
    kept = set(session.scalars(awaited)) if named else set()
    return orphans.delete_each(media.store, (key for key in old if photo_of(key) not in kept), before=before)


def unseen_among(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, UploadState]:
    """Give those of the photos that no picture can be shown of, each with how far it is.

    One that waits in the database for the store has arrived: what it says is known already.
    """
    spooled = dict.fromkeys(spool.waiting_among(session, photo_ids), UploadState.ARRIVED)
    return awaited_among(session, photo_ids) | spooled


def awaited_among(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, UploadState]:
    """Give those of the photos of which nothing but the announcement is here, each with how far it is."""
    if not photo_ids:
        return {}
    statement = select(DirectUpload).where(
        DirectUpload.photo_id.in_(photo_ids), DirectUpload.state != UploadState.READY
    )
    return {upload.photo_id: upload.state for upload in session.scalars(statement)}


def direct_among(session: Session, photo_ids: Collection[UUID]) -> frozenset[UUID]:
    """Give those of the photos that were uploaded directly, or will be."""
    if not photo_ids:
        return frozenset()
    return frozenset(session.scalars(select(DirectUpload.photo_id).where(DirectUpload.photo_id.in_(photo_ids))))


def say_fault(upload: DirectUpload) -> str | None:
    """Say in plain words why a picture is not here and what to do; None where there is nothing to be done."""
    if upload.state is UploadState.REFUSED:
        return f"{upload.fault} Then POST to `state_url` and PUT it to the address in the answer."
    if upload.state is UploadState.NEVER_ARRIVED:
        return f"{upload.fault} {_ENDED}" if upload.fault else _ENDED
    return None


_ENDED = f"It was awaited for {AWAITED_FOR.days} days. Send the picture as a new photo."


def _values(announced: Announced) -> dict[str, str | int]:
    return {"media_type": announced.media_type, "size": announced.size, "name": _shown(announced)}


def _announced(upload: DirectUpload) -> Announced:
    return Announced(upload.media_type, upload.size, upload.name)


def _shown(announced: Announced) -> str:
    return service.shown_name(announced.name, 0)


def _check_size(announced: Announced) -> None:
    limit = service.MOST_BYTES
    if announced.size > limit:
        raise PhotoTooLarge(name=_shown(announced), index=0, size=announced.size, limit=limit, pointer="/size")


def _signed(upload: DirectUpload) -> tuple[object, ...]:
    return upload.attempt, upload.media_type, upload.size


def _differs(upload: DirectUpload, came: str) -> UploadDiffers:
    return UploadDiffers(name=upload.name, announced=f"{upload.media_type}, {upload.size} bytes", came=came)


def _digest(stream: Readable, size: int) -> str:
    digest = hashlib.sha256()
    while size and (part := stream.read(min(size, _CHUNK_BYTES))):
        digest.update(part)
        size -= len(part)
    return digest.hexdigest()


def _find(session: Session, photo_id: UUID) -> DirectUpload:
    upload = session.get(DirectUpload, photo_id)
    if upload is None:
        raise NoSuchUpload
    return upload


def _lock(session: Session, photo_id: UUID) -> DirectUpload:
    upload = session.get(DirectUpload, photo_id, with_for_update=True, populate_existing=True)
    if upload is None:
        raise NoSuchUpload
    return upload


def _waits(upload: DirectUpload, now: dt.datetime) -> bool:
    """Tell whether bytes that are in the store are news; a picture that comes after all is taken."""
    late = upload.state is UploadState.ARRIVED and upload.since < now - _LOOKED_AT_WITHIN
    return upload.state in _AWAITED or late


def _turn(upload: DirectUpload, state: UploadState, *, now: dt.datetime, fault: str | None = None) -> None:
    upload.state, upload.since, upload.fault = state, now, fault


def _leave(
    session: Session, photo_id: UUID, attempt: int, state: UploadState, fault: str | None, *, now: dt.datetime
) -> None:
    """Take what arrived out of the state of being looked at, if it is still about that attempt."""
    upload = session.get(DirectUpload, photo_id, with_for_update=True, populate_existing=True)
    if upload is not None and upload.attempt == attempt and upload.state is UploadState.ARRIVED:
        _turn(upload, state, now=now, fault=fault)
        session.flush()


def _tell(session: Session, photo_ids: Iterable[UUID]) -> None:
    """Let those above know who wait for these photos."""
    for photo_id in photo_ids:
        enqueue(session, "fieldwork.judge_late", photo_id=str(photo_id))
