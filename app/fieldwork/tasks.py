"""Jobs of the field: judge the photos that came after their step."""

from __future__ import annotations

import logging
from uuid import UUID

from app.db import Session
from app.fieldwork import evidence
from app.jobs import PATIENT, Queue, queue

log = logging.getLogger(__name__)


@queue.task(name="fieldwork.judge_late", queue=Queue.CLOCKS, retry=PATIENT)
def judge_late(photo_id: str) -> None:
    """Judge an after-photo that came after its step, or did not come."""
    with Session.begin() as session:
        checked = evidence.judge_late(session, UUID(photo_id))
    if checked is not None:
        log.info("late photo judged", extra={"photo": photo_id, "check": str(checked.id), "failed": checked.failed})
