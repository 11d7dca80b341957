"""Locks between processes: files locked by the kernel, so that no crash leaves one behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.console import Refusal, say


@contextmanager
def held(path: Path, *, busy: str, wait: bool) -> Iterator[None]:
    """Hold the lock at `path`, with our process id written in it, while the block runs.

    When another process holds it: `wait` says the line `busy` and waits, else `busy` is the Refusal.
    """
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise Refusal(busy) from None
            if busy:
                say(busy)
            fcntl.flock(file, fcntl.LOCK_EX)
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield


def holder(path: Path) -> int | None:
    """Return the id of the process that holds the lock at `path`, or None."""
    if not path.exists():
        return None
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(file, 20, 0).decode().strip()
            return int(text) if text.isdigit() else None
    return None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as fault:
        raise Refusal(f"{path} cannot be written ({fault.strerror}).") from fault
    try:
        yield file
    finally:
        os.close(file)
