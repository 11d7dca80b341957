"""When clients are to come back: spread, so that they do not all come at once."""

from __future__ import annotations

import random

LEAST_MILLISECONDS = 1000
MOST_MILLISECONDS = 10_000


def comeback(streams: int) -> int:
    """Draw after how many milliseconds one of so many is to come back: about 1,000 of them a second."""
    most = min(2 * LEAST_MILLISECONDS + streams, MOST_MILLISECONDS)
    return random.randint(LEAST_MILLISECONDS, most)  # noqa: S311  # spread, no secret
