"""Jobs of the catalogue: say once that the calendar lacks the adjusted working days of a year."""

from __future__ import annotations

import logging

from app.catalogue.service import note_missing_years
from app.db import Session, utcnow
from app.jobs import Queue, queue

log = logging.getLogger(__name__)


@queue.periodic(cron="20 3 * * *")
@queue.task(name="catalogue.look_at_calendar", queue=Queue.UPKEEP, queueing_lock="catalogue.look_at_calendar")
def look_at_calendar(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Warn in the log of each year that deadlines may reach and that the calendar does not know, once a pack."""
    with Session.begin() as session:
        missing = note_missing_years(session, now=utcnow())
    for warning in missing:
        log.warning("calendar lacks a year", extra={"detail": warning})
