"""What a request may take of a process: bytes, seconds, threads."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one worker process.

    A body must bring ``window_bytes`` in every ``window_s`` (500 bytes a second: a bad 2G network), or end; the whole
    of it must be there within ``body_s``. ``memory_bytes`` and ``disk_bytes`` are what all bodies together may hold:
    small ones in memory, those over ``spool_bytes`` in ``folder``.
    """

    body_bytes: int
    spool_bytes: int = 64 * 1024
    window_s: float = 30.0
    window_bytes: int = 15_000
    body_s: float = 1_200.0
    memory_bytes: int = 64 * MEBIBYTE
    disk_bytes: int = 2_048 * MEBIBYTE
    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    threads: int = 4
    thread_wait_s: float = 5.0
    answer_s: float = 55.0  # nginx waits for 60
    piece_s: float = 60.0
    linger_s: float = 3.0
