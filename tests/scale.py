"""How much of a long test is run: the short form in each run of the suite, the long one by `make test-long`."""

from __future__ import annotations

import os
from typing import TypeVar

Amount = TypeVar("Amount")


def short_or_long(short: Amount, long: Amount) -> Amount:
    """Return the number, or the cases, for this run. Tests that use it are marked ``long``."""
    return long if os.environ.get("LONG") else short
