"""The five steps that the public sees of a work order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.workorders.models import EventKind, TimelineEvent
from app.workorders.states import STEP_OF, State, Step
from app.workorders.timeline import happened_at

_STEP_OF_EVENT = {
    EventKind.RECEIVED: Step.RECEIVED,
    EventKind.DISPATCHED: Step.DISPATCHED,
    EventKind.SIGNED: Step.IN_PROGRESS,
    EventKind.FIXED: Step.FIXED,
    EventKind.CLOSED: Step.CLOSED,
    EventKind.DECLINED: Step.DECLINED,
}


class Progress(StrEnum):
    """Where a step stands."""

    DONE = "done"
    CURRENT = "current"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class PublicStep:
    """One of the five steps; ``at`` is when it was reached last."""

    step: Step
    progress: Progress
    at: dt.datetime | None


def public_steps(state: State, events: Sequence[TimelineEvent]) -> list[PublicStep]:
    """Give the five steps of a work order from its state and its history; two where it was declined."""
    if state is State.DECLINED:
        order = [Step.RECEIVED, Step.DECLINED]
    else:
        order = [step for step in Step if step is not Step.DECLINED]
    here = order.index(STEP_OF[state])
    reached = {_STEP_OF_EVENT[event.kind]: happened_at(event) for event in events if event.kind in _STEP_OF_EVENT}
    return [
        PublicStep(step, _progress(place, here, last=len(order) - 1), reached.get(step) if place <= here else None)
        for place, step in enumerate(order)
    ]


def _progress(place: int, here: int, *, last: int) -> Progress:
    if place == here:
        return Progress.DONE if place == last else Progress.CURRENT
    return Progress.DONE if place < here else Progress.PENDING
