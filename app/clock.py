"""The clock of this machine, compared with the database's: a wrong one must do nothing that cannot be taken back."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from procrastinate.connector import BaseConnector

log = logging.getLogger(__name__)

Clock = Callable[[], dt.datetime]

MOST_OFF = dt.timedelta(seconds=5)
NOW = "SELECT clock_timestamp() AS now"


async def is_right(connector: BaseConnector, clock: Clock) -> bool:
    """Tell whether a clock differs from the database's by five seconds at most; say so as an error where it does not.

    What the answer took on its way is in our favour: a slow database is no wrong clock.
    """
    asked = clock()
    theirs: dt.datetime = (await connector.execute_query_one_async(NOW))["now"]
    answered = clock()
    ahead, behind = asked - theirs, theirs - answered
    off = max(ahead, behind)
    if off <= MOST_OFF:
        return True
    told = {"seconds": round((ahead if ahead > behind else -behind).total_seconds(), 1)}
    log.error("clock differs from the database's: what depends on the time rests", extra=told)
    return False
