"""Keep a store that is slow or away from occupying the threads of a process.

Three limits, shared by all threads of the process: an operation has one deadline in total, at most ``calls``
operations run at once (bulkhead), and after ``FAILURES`` failed requests in a row none is tried for ``pause_s``
seconds; then one probes (circuit breaker). The reasons: docs/decisions/0020-file-on-while-the-photo-store-is-away.md.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from app.media.errors import StoreUnavailable

log = logging.getLogger(__name__)

AGAIN = "Photos cannot be stored at the moment. Nothing was stored; send the same request again in a while."
FAILURES = 3
PAUSE_S = 5.0

_deadline: ContextVar[float | None] = ContextVar("deadline of a store operation", default=None)


class CircuitState(StrEnum):
    """Whether operations are tried: all, none, or one that probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """What this process knows of the store; ``since`` is when it last opened or closed, ``fault`` the last failure."""

    state: CircuitState
    since: dt.datetime | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an operation may take in all, how long one waits for a free call, and how many run at once."""

    seconds: float
    wait_s: float
    calls: int
    pause_s: float = PAUSE_S


def seconds_left() -> float | None:
    """Give the seconds that are left to the operation of this thread, None outside of one. Raises TimeoutError."""
    until = _deadline.get()
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline of the store operation has passed")
    return left


class Breaker:
    """The limits of one store in one process."""

    def __init__(self, limits: Limits) -> None:
        """Begin closed."""
        self._limits = limits
        self._free = threading.BoundedSemaphore(limits.calls)
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False
        self._since: dt.datetime | None = None
        self._fault = ""

    @property
    def health(self) -> StoreHealth:
        """Give the present state."""
        with self._lock:
            if self._open_until is None:
                state = CircuitState.CLOSED
            else:
                state = CircuitState.OPEN if time.monotonic() < self._open_until else CircuitState.HALF_OPEN
            return StoreHealth(state, self._since, self._fault)

    @contextmanager
    def operation(self, *, extra_s: float = 0) -> Iterator[None]:
        """Run an operation, which ends after ``seconds`` and ``extra_s``; inside of another one it is a part of that.

        Raises StoreUnavailable at once while the circuit is open, and after ``wait_s`` while ``calls`` others run.
        """
        if _deadline.get() is not None:
            yield
            return
        probes = self._enter()
        token = _deadline.set(time.monotonic() + self._limits.seconds + extra_s)
        try:
            yield
        finally:
            _deadline.reset(token)
            self._free.release()
            if probes:
                self._probing = False

    def succeeded(self) -> None:
        """Note that the store answered a request, with whatever it has or has not."""
        with self._lock:
            self._failures = 0
            if self._open_until is None:
                return
            self._open_until, self._since, self._fault = None, dt.datetime.now(dt.UTC), ""
        log.warning("store of photos answers again", extra={"circuit": CircuitState.CLOSED.value})

    def failed(self, fault: str) -> None:
        """Note that the store answered a request with a fault, or not at all."""
        with self._lock:
            self._failures += 1
            self._fault = fault
            if self._failures < FAILURES:
                return
            opens = self._open_until is None
            self._open_until = time.monotonic() + self._limits.pause_s
            if opens:
                self._since = dt.datetime.now(dt.UTC)
        if opens:
            log.error("store of photos is away", extra={"circuit": CircuitState.OPEN.value, "fault": fault})

    def _enter(self) -> bool:
        """Take one of the calls; say whether it probes. Raises StoreUnavailable."""
        with self._lock:
            probes = self._open_until is not None
            if self._open_until is not None and (self._probing or time.monotonic() < self._open_until):
                raise StoreUnavailable(AGAIN)
            self._probing = probes
        if not self._free.acquire(timeout=self._limits.wait_s):
            if probes:
                self._probing = False
            raise StoreUnavailable(AGAIN)
        return probes
