"""Wait for a state: the one time limit of the tests, which only ends a test that hangs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# Far beyond what a state takes on a busy machine. No test measures time with it.
PATIENCE_S = 120.0
PATIENCE_MS = PATIENCE_S * 1000  # as Playwright counts
_PAUSE_S = 0.02

Found = TypeVar("Found")


def wait_until(find: Callable[[], Found], otherwise: object = "") -> Found:
    """Ask until the answer is true, and return it.

    Raises AssertionError after PATIENCE_S, with ``otherwise``, or what that returns where it is a function.
    """
    ends = time.monotonic() + PATIENCE_S
    while not (found := find()):
        if time.monotonic() > ends:
            said = otherwise() if callable(otherwise) else otherwise
            raise AssertionError(said or f"not within {PATIENCE_S:.0f} s")
        time.sleep(_PAUSE_S)
    return found
