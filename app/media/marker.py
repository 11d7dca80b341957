"""The marker of a store: an object that says to which database its photos belong.

Without it an empty mount or another bucket looks like a store in which every photo is lost.
"""

from __future__ import annotations

import datetime as dt
import errno
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.installation import find_installation
from app.media.errors import StoreUnavailable
from app.media.store import NoSuchObject, ObjectStore

KEY = "installation"
_FULL = {errno.ENOSPC, errno.EDQUOT}
# A disk or a network folder that fails. Any other fault, such as a file where the folder was, is one of the set-up.
_FAILING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN}


@dataclass(frozen=True, slots=True)
class StoreState:
    """What is wrong with the store, empty where nothing is.

    A store that is ``usable`` all the same will take photos again by itself; reports without photos go on.
    """

    fault: str = ""
    usable: bool = True


def read_marker(store: ObjectStore) -> UUID | None:
    """Read to which database the store belongs; None where it says nothing. Raises StoreUnavailable."""
    try:
        return UUID(store.get(KEY).decode())
    except (NoSuchObject, ValueError):
        return None


def write_marker(store: ObjectStore, store_id: UUID) -> None:
    """Say to which database the store belongs. Raises StoreUnavailable."""
    store.put(KEY, str(store_id).encode())


def mark_store(session: Session, store: ObjectStore, *, now: dt.datetime, take_over: bool = False) -> bool:
    """Mark the store as that of this database, once; ``take_over`` does so again.

    Return False where the store is another database's, and is not to be taken over. Raises StoreUnavailable.
    """
    installation = find_installation(session)
    if installation is None or (installation.store_marked_at is not None and not take_over):
        return True
    if not take_over and read_marker(store) not in {None, installation.store_id}:
        return False
    write_marker(store, installation.store_id)
    installation.store_marked_at = now
    return True


def check_store(store: ObjectStore, store_id: UUID) -> StoreState:
    """Check that the store is that of this database, and that it can be written."""
    try:
        found = read_marker(store)
        if found is None:
            return StoreState("has no marker: is MEDIA_ROOT mounted, is S3_BUCKET the right one?", usable=False)
        if found != store_id:
            return StoreState("belongs to another database", usable=False)
    except StoreUnavailable as error:
        return _unavailable(error.__cause__)
    try:
        write_marker(store, store_id)
    except StoreUnavailable as error:
        # It is ours: photos wait until it can be written, all else goes on.
        return replace(_unavailable(error.__cause__), usable=True)
    return StoreState()


def _unavailable(cause: BaseException | None) -> StoreState:
    if not isinstance(cause, OSError) or cause.errno is None:
        return StoreState("does not answer")
    if cause.errno in _FULL:
        return StoreState("is full")
    return StoreState(f"cannot be read and written ({cause.strerror})", usable=cause.errno in _FAILING)
