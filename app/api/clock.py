"""The clock of the edge: what time it is for a request. A test brings its own, so that a year passes in a second."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from flask import current_app


def now() -> dt.datetime:
    """Give the present moment in UTC, by the clock that ``create_app`` or a test put into the extension ``clock``."""
    clock: Callable[[], dt.datetime] = current_app.extensions["clock"]
    return clock()
