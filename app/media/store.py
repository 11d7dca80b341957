"""Where the bytes of photos lie: a protocol, and a folder that keeps it."""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from app.errors import SettingsFault
from app.media.breaker import AGAIN, CircuitState, StoreHealth
from app.media.errors import StoreUnavailable
from app.media.formats import Format

log = logging.getLogger(__name__)

UPLOADS = "uploads"
_CHUNK_BYTES = 1 << 16
_PAIR = re.compile(r"([0-9a-f-]{36})-([0-9a-f-]{36})-(\d+)-(\d+)")


class NoSuchObject(Exception):
    """The store has nothing under this key."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the store and when it was last put."""

    key: str
    put_at: dt.datetime


class Readable(Protocol):
    """What bytes can be read from, part by part."""

    def read(self, size: int = -1, /) -> bytes:
        """Give up to ``size`` bytes; none are the end."""
        ...


class ObjectStore(Protocol):
    """Bytes by key. Every method raises StoreUnavailable where the store does not answer, is full or read-only."""

    def put(self, key: str, data: bytes) -> None:
        """Store durably: after the return the bytes outlive a loss of power. What was there is replaced, at once."""
        ...

    def put_from(self, key: str, stream: Readable, size: int) -> bool:
        """Store ``size`` bytes of a stream as ``put`` does; False, and nothing is stored, where it ends before."""
        ...

    def presign_put(self, key: str, *, media_type: str, size: int, seconds: int) -> str | None:
        """Give an address to which a client may PUT the object itself, of this type and size, until it expires.

        None where clients do not reach the store: the bytes then come through us.
        """
        ...

    def get(self, key: str) -> bytes:
        """Give the bytes. Raises NoSuchObject."""
        ...

    def size(self, key: str) -> int | None:
        """Give the number of bytes, None where there is no such object."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Give the bytes as a stream. Raises NoSuchObject."""
        ...

    def open_large(self, key: str) -> BinaryIO:
        """Give the bytes as a stream that can be sought and is read as far as it is asked. Raises NoSuchObject."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        ...

    def delete(self, key: str, *, unless_put_since: dt.datetime | None = None) -> bool:
        """Delete it, but not if it was put at that moment or later; say whether it was deleted.

        The test and the deletion are one step: a put of the same key comes before both or after both.
        """
        ...

    def keys(self, prefix: str) -> Iterator[Stored]:
        """Walk over the objects below a prefix, remains of interrupted puts included."""
        ...

    def sizes(self, keys: Collection[str]) -> dict[str, int]:
        """Give the size in bytes of each object that is there; the others are left out."""
        ...

    @property
    def health(self) -> StoreHealth:
        """Give what this process knows of the store without asking it."""
        ...


def original_key(digest: str) -> str:
    """Give the key of an original; two levels of folders keep each folder small."""
    return f"originals/{digest[:2]}/{digest[2:4]}/{digest}"


def rendition_key(digest: str, size: int, kind: Format = Format.JPEG) -> str:
    """Give the key of a rendition; ``size`` is its longest side in pixels."""
    return f"renditions/{digest[:2]}/{digest[2:4]}/{digest}/{size}.{kind}"


def masked_key(digest: str, photo_id: UUID, revision: int, size: int, kind: Format = Format.JPEG) -> str:
    """Give the key of a masked rendition: the same bytes sent twice may be masked differently, and again."""
    return f"renditions/{digest[:2]}/{digest[2:4]}/{digest}/{photo_id}/{revision}/{size}.{kind}"


def upload_key(photo_id: UUID, attempt: int) -> str:
    """Give the key to which a client uploads, before anybody looked at the bytes."""
    return f"{UPLOADS}/{photo_id}.{attempt}"


def photo_of(key: str) -> UUID | None:
    """Give the photo of an upload's key (of an interrupted put too), None of what is no such key."""
    try:
        return UUID(key.removeprefix(f"{UPLOADS}/").partition(".")[0])
    except ValueError:
        return None


def pair_key(digest: str, before: tuple[UUID, int], after: tuple[UUID, int], name: str) -> str:
    """Give the key of a picture of a pair; ``digest`` is that of after, each photo comes with its mask revision."""
    # Photo ids have dashes of their own, and always 36 characters.
    pair = f"{before[0]}-{after[0]}-{before[1]}-{after[1]}"
    return f"pairs/{digest[:2]}/{digest[2:4]}/{digest}/{pair}/{name}.jpg"


def pair_of(key: str) -> tuple[tuple[UUID, int], tuple[UUID, int]] | None:
    """Read from a key of a pair the ids and mask revisions of before and after; None where it is none."""
    parts = key.split("/")
    found = _PAIR.fullmatch(parts[4]) if parts[0] == "pairs" and len(parts) > 5 else None  # noqa: PLR2004
    if found is None:
        return None
    before, after, first, second = found.groups()
    return (UUID(before), int(first)), (UUID(after), int(second))


class FolderStore:
    """A folder. It may be shared by several machines if its file system has durable renames and flock."""

    def __init__(self, root: Path) -> None:
        """Make the folder where it is missing. Raises SettingsFault where it cannot be written."""
        self._root = root.absolute()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root):
                pass
        except OSError as error:
            raise SettingsFault(f"MEDIA_ROOT: {self._root} cannot be written ({error.strerror}).") from error

    def put(self, key: str, data: bytes) -> None:
        """Write beside the target, fsync, rename, fsync the folder: a reader sees all or nothing, so does a crash."""
        self._store(key, [data])

    def put_from(self, key: str, stream: Readable, size: int) -> bool:
        """Write part by part beside the target, and rename it where all came."""
        try:
            self._store(key, _parts(stream, size))
        except EOFError:
            return False
        return True

    def presign_put(self, key: str, *, media_type: str, size: int, seconds: int) -> None:
        """Give nothing: nobody reaches a folder but through us."""

    def _store(self, key: str, parts: Iterable[bytes]) -> None:
        path = self._path(key)
        with _answering():
            self._make_folder(path.parent)
            part = _write_beside(path, parts)
            try:
                with _locked(path.parent, fcntl.LOCK_SH) as folder:
                    part.rename(path)
                    os.fsync(folder)
            except OSError:
                part.unlink(missing_ok=True)
                raise

    def get(self, key: str) -> bytes:
        """Read the file."""
        with self.open(key) as stream:
            return stream.read()

    def open(self, key: str) -> BinaryIO:
        """Open the file."""
        with _answering(), _finding():
            return self._path(key).open("rb")

    def open_large(self, key: str) -> BinaryIO:
        """Open the file."""
        return self.open(key)

    def size(self, key: str) -> int | None:
        """Look at the file."""
        try:
            with _answering(), _finding():
                return self._path(key).stat().st_size
        except NoSuchObject:
            return None

    def exists(self, key: str) -> bool:
        """Look for the file."""
        with _answering():
            return self._path(key).is_file()

    def delete(self, key: str, *, unless_put_since: dt.datetime | None = None) -> bool:
        """Unlink the file. A lock on its folder keeps a put from coming between the look and the deletion."""
        path = self._path(key)
        try:
            with _answering(), _finding(), _locked(path.parent, fcntl.LOCK_EX):
                if unless_put_since is not None and path.stat().st_mtime >= unless_put_since.timestamp():
                    return False
                path.unlink()
        except NoSuchObject:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[Stored]:
        """Walk over the files."""
        with _answering():
            for folder, _, names in os.walk(self._path(prefix)):
                for name in names:
                    path = Path(folder, name)
                    try:
                        put_at = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
                    except FileNotFoundError:
                        continue
                    yield Stored(path.relative_to(self._root).as_posix(), put_at)

    def sizes(self, keys: Collection[str]) -> dict[str, int]:
        """Ask for the status of each file."""
        found = {}
        for key in keys:
            try:
                with _answering(), _finding():
                    found[key] = self._path(key).stat().st_size
            except NoSuchObject:
                continue
        return found

    @property
    def health(self) -> StoreHealth:
        """Say that a folder has no circuit: each call asks it."""
        return StoreHealth(CircuitState.CLOSED)

    def _path(self, key: str) -> Path:
        """Give the file of a key. Keys are made by us of digests and sizes; one that leaves the folder is a fault."""
        path = self._root / key
        if ".." in path.parts or not path.is_relative_to(self._root):
            raise ValueError(f"{key!r} is no key")
        return path

    def _make_folder(self, folder: Path) -> None:
        """Make the folder; its name lasts once the folder that holds it is fsynced, and so on up to the root.

        All are fsynced each time, as another process may have made one a moment ago; with nothing to write it is cheap.
        """
        chain = [folder, *folder.parents]
        for new in reversed(chain[: chain.index(self._root)]):
            new.mkdir(exist_ok=True)
            _sync_folder(new.parent)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what the file system says into what the store says."""
    try:
        yield
    except OSError as error:
        log.exception("store of photos does not answer", extra={"errno": error.errno})
        raise StoreUnavailable(AGAIN) from error


@contextmanager
def _finding() -> Iterator[None]:
    """Say that there is no such object where the file system finds no such file."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSuchObject(error.filename) from error


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[int]:
    """Hold a lock (flock) on a folder; gives its file descriptor. Closing it releases the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parts(stream: Readable, size: int) -> Iterator[bytes]:
    """Read ``size`` bytes part by part. Raises EOFError where the stream ends before, or its client has gone."""
    while size:
        try:
            part = stream.read(min(size, _CHUNK_BYTES))
        except (OSError, ValueError) as error:
            raise EOFError from error
        if not part:
            raise EOFError
        size -= len(part)
        yield part


def _write_beside(path: Path, parts: Iterable[bytes]) -> Path:
    """Write the parts durably to a new file in the folder of ``path``; whatever goes wrong, nothing is left."""
    descriptor, name = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for one in parts:
                stream.write(one)
            stream.flush()
            os.fsync(descriptor)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part
