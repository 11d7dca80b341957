"""Objects of the store that no row refers to: those of requests that failed or died, of photos that were removed."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

from sqlalchemy.orm import Session

from app.media import queries
from app.media.errors import StoreUnavailable
from app.media.store import ObjectStore, Stored

log = logging.getLogger(__name__)

_BATCH = 1000
_MOST_LEFT = 10
_FOLDERS, _HOURS = 256, 24

# A key has to fit as a whole: what an interrupted put left beside an object begins with the same name.
_DIGEST = r"[0-9a-f]{2}/[0-9a-f]{2}/(?P<digest>[0-9a-f]{64})"
_ORIGINAL = re.compile(rf"originals/{_DIGEST}")
_RENDITION = re.compile(rf"renditions/{_DIGEST}/\d+\.\w+")
_PAIR = re.compile(rf"pairs/{_DIGEST}/[0-9a-f-]+/\w+-\d+\.\w+")
_MASKED = re.compile(rf"renditions/{_DIGEST}/(?P<photo>[0-9a-f-]{{36}})/(?P<revision>\d+)/\d+\.\w+")


def folders_of_hour(hour: int) -> list[str]:
    """Give the folders, named by the first two hex digits of a digest, that an hour of the day sweeps.

    The 24 hours of a day cover all 256, each once.
    """
    return [f"{number:02x}" for number in range(hour * _FOLDERS // _HOURS, (hour + 1) * _FOLDERS // _HOURS)]


def find(
    session: Session, store: ObjectStore, *, before: dt.datetime, folders: Sequence[str] | None = None
) -> Iterator[list[Stored]]:
    """Find objects that no row refers to and that were put before a moment, in batches.

    Lists the given folders of each prefix only; without ``folders`` it lists the whole store.
    """
    for prefix, keep in _KEEPERS.items():
        # Marks of deletions are few and gone within a minute: they are listed whole.
        parts = [prefix] if folders is None or keep is _nothing else [f"{prefix}/{each}" for each in folders]
        old = (stored for part in parts for stored in store.keys(part) if stored.put_at < before)
        for batch in _batches(old):
            kept = keep(session, [stored.key for stored in batch])
            yield [stored for stored in batch if stored.key not in kept]


def delete_each(store: ObjectStore, keys: Iterable[str], *, before: dt.datetime) -> int:
    """Delete objects that were put before a moment; give how many. One that the store does not delete stays.

    Raises StoreUnavailable at the tenth of those, for the store is away then; the next sweep tries them again.
    """
    deleted = left = 0
    for key in keys:
        try:
            deleted += store.delete(key, unless_put_since=before)
        except StoreUnavailable as fault:
            left += 1
            log.warning("object not deleted", extra={"key": key, "cause": str(fault.__cause__)})
            if left == _MOST_LEFT:
                raise
    return deleted


def _batches(objects: Iterable[Stored]) -> Iterator[list[Stored]]:
    rest = iter(objects)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _originals(session: Session, keys: Sequence[str]) -> set[str]:
    """Give those of the keys that are originals of some row."""
    found = {key: match["digest"] for key in keys if (match := _ORIGINAL.fullmatch(key))}
    referred = queries.referred(session, set(found.values()))
    return {key for key, digest in found.items() if digest in referred}


def _renditions(session: Session, keys: Sequence[str]) -> set[str]:
    """Give those of the keys that are renditions of some row, masked ones of its present revision or a later one."""
    plain = {key: match["digest"] for key in keys if (match := _RENDITION.fullmatch(key))}
    referred = queries.referred(session, set(plain.values()))
    masked = {key: match for key in keys if (match := _MASKED.fullmatch(key))}
    revisions = queries.mask_revisions(session, {UUID(match["photo"]) for match in masked.values()})
    kept = {key for key, digest in plain.items() if digest in referred}
    for key, match in masked.items():
        digest, revision = revisions.get(UUID(match["photo"]), ("", 0))
        if match["digest"] == digest and int(match["revision"]) >= revision:
            kept.add(key)
    return kept


def _pairs(session: Session, keys: Sequence[str]) -> set[str]:
    """Give those of the keys that are pictures of pairs whose photos are there and masked as they were then."""
    whole = {key for key in keys if _PAIR.fullmatch(key)}
    return whole - set(queries.stale_pairs(session, whole))


def _nothing(session: Session, keys: Sequence[str]) -> set[str]:  # noqa: ARG001  # the interface of a keeper
    """Keep none."""
    return set()


# What the store holds below each prefix, and which of it rows refer to. The mark of a deletion (app/media/s3.py) is of
# no use after a minute.
_KEEPERS: dict[str, Callable[[Session, Sequence[str]], set[str]]] = {
    "originals": _originals,
    "renditions": _renditions,
    "pairs": _pairs,
    "deletions": _nothing,
}
