"""Jobs of the public map: fold what grew old or was left over. ``follow`` folds what changes, at once."""

from __future__ import annotations

from app.db import Session, utcnow
from app.jobs import PATIENT, Queue, queue
from app.publicmap import service

BATCHES = 500


# The public map of releases before ``follow`` was kept up by these jobs alone; some may wait.
@queue.task(name="publicmap.fold", queue=Queue.UPKEEP, retry=PATIENT)
def fold() -> None:
    """Bring what changed into the map, as much as there is; leave it to whoever does so already."""
    fold_all()


# What grows old changes without a step.
@queue.periodic(cron="* * * * *")
@queue.task(name="publicmap.keep_up", queue=Queue.UPKEEP, queueing_lock="publicmap.keep_up")
def keep_up(timestamp: int) -> None:  # noqa: ARG001  # the interface of periodic jobs
    """Bring into the map what came of another age, and what was left over."""
    fold_all()


def fold_all() -> bool:
    """Fold batch after batch until none is full; tell whether all was folded, and not left to somebody else."""
    for _ in range(BATCHES):
        with Session.begin() as session:
            count = service.fold(session, now=utcnow(), limit=service.FOLDED_AT_ONCE)
        if count is None:
            return False
        if count < service.FOLDED_AT_ONCE:
            return True
    return False
