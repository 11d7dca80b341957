"""Jobs of the public map: fold what changed, at once and every minute."""

from __future__ import annotations

from app.db import Session, utcnow
from app.jobs import PATIENT, queue
from app.publicmap import service

BATCHES = 500


@queue.task(name="publicmap.fold", retry=PATIENT)
def fold() -> None:
    """Bring what changed into the map, as much as there is."""
    for _ in range(BATCHES):
        with Session.begin() as session:
            if service.fold(session, now=utcnow(), limit=service.FOLDED_AT_ONCE) < service.FOLDED_AT_ONCE:
                return


# What grows old changes without a step.
@queue.periodic(cron="* * * * *")
@queue.task(name="publicmap.keep_up", queueing_lock="publicmap.keep_up", lock="publicmap.fold")
def keep_up(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Bring into the map what came of another age, and what was left over."""
    fold()
