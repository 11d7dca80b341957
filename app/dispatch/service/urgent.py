"""The green channel (加急): clocks are set anew from then, once, and never later than they were."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app.catalogue.calendar import after, due
from app.catalogue.city import City
from app.catalogue.models import Urgency
from app.catalogue.values import Duration
from app.dispatch.case import Case, Content
from app.dispatch.errors import AlreadyUrgent
from app.workorders import clocks
from app.workorders.clocks import minutes
from app.workorders.models import Deadline, DeadlineKind, WorkOrder


def sounds_urgent(words: str, city: City) -> bool:
    """Tell whether a text holds one of the pack's urgent words."""
    text = words.casefold()
    return any(word in text for word in city.urgent_words)


def mark_urgent(session: Session, case: Case) -> Content:
    """Move a work order to the green channel. Raises AlreadyUrgent the second time."""
    due_at = speed_up(session, case.work_order, city=case.city, now=case.now)
    return {"reason": case.asked.note, "due_at": due_at}


def speed_up(session: Session, work_order: WorkOrder, *, city: City, now: dt.datetime) -> str | None:
    """Set the running clocks anew; give the new promise. Raises AlreadyUrgent."""
    if work_order.urgent_at is not None:
        raise AlreadyUrgent
    work_order.urgent_at, work_order.urgency = now, Urgency.URGENT
    limits = _limits(city)
    for deadline in clocks.running(session, work_order, *limits):
        _replace(session, work_order, deadline, limits[deadline.kind], city=city, now=now)
    return work_order.promised


def _limits(city: City) -> dict[DeadlineKind, Duration]:
    return {
        DeadlineKind.DISPATCH: minutes(city.limits.dispatch_urgent_minutes),
        DeadlineKind.SIGN_FOR: minutes(city.limits.sign_for_urgent_minutes),
        DeadlineKind.HANDLING: city.limits.handling_urgent,
        DeadlineKind.REWORK: city.limits.handling_urgent,
    }


def _replace(
    session: Session, work_order: WorkOrder, old: Deadline, limit: Duration, *, city: City, now: dt.datetime
) -> None:
    """Stop a clock and start its faster successor; one that is overdue, or due before, stays as it is."""
    until, paused = due(now, limit.amount, limit.unit, city), old.paused_at is not None
    left = dt.timedelta(seconds=old.left_s or 0)
    promised = after(now, left, old.counts, city) if paused else old.due_at
    if old.breached_at is not None or promised <= until:
        return
    old.stopped_at, old.next_at = now, None
    clocks.start_clock(session, work_order, old.kind, limit, unit=old.unit, city=city, now=now, until=until)
    if paused:
        session.flush()
        clocks.pause(session, work_order, old.kind, city=city, now=now)
