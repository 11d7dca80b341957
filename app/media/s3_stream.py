"""A large object of a bucket as a stream that can be sought."""

from __future__ import annotations

import io
from typing import Any, Protocol


class Source(Protocol):
    """Where the bytes come from."""

    def ask_from(self, key: str, begin: int) -> Any:
        """Ask for an object from a place on; give the body."""
        ...

    def read_on(self, body: Any, size: int) -> bytes:
        """Read the next bytes of a body."""
        ...


class ObjectStream(io.RawIOBase):
    """An object as a stream: a request where reading begins, another one where it was sought elsewhere."""

    def __init__(self, store: Source, key: str, size: int) -> None:
        super().__init__()
        self._store, self._key, self._size = store, key, size
        self._at = 0
        self._body: Any = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is asked for before it is read."""
        place = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        if place != self._at:
            self._let_go()
        self._at = place
        return place

    def readinto(self, target: Any) -> int:
        """Read on."""
        if self._at >= self._size:
            return 0
        self._body = self._body or self._store.ask_from(self._key, self._at)
        data = self._store.read_on(self._body, len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Let the request go."""
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
        self._body = None
