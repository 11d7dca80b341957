"""Where a work order stands, what the public sees of it, how it ended, and what the lines of its history tell."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a work order stands."""

    AWAITING_DISPATCH = "awaiting_dispatch"  # 待分拨
    DISPATCHED = "dispatched"  # 已分拨
    IN_PROGRESS = "in_progress"  # 处理中
    FIXED = "fixed"  # 待核实
    CLOSED = "closed"  # 已结案
    DISPUTED = "disputed"  # 争议裁决
    ON_HOLD = "on_hold"  # 挂起
    DECLINED = "declined"  # 不予受理
    MERGED = "merged"  # 并案


class Step(StrEnum):
    """What the public sees of the states, in this order; ``declined`` ends the line."""

    RECEIVED = "received"
    DISPATCHED = "dispatched"
    IN_PROGRESS = "in_progress"
    FIXED = "fixed"
    CLOSED = "closed"
    DECLINED = "declined"


class Outcome(StrEnum):
    """How a closed work order ended."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    UNKNOWN = "unknown"


class EventKind(StrEnum):
    """What a line of history tells."""

    RECEIVED = "received"
    JOINED = "joined"
    WAITING = "waiting"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    NOTE = "note"
    FIXED = "fixed"
    CLOSED = "closed"
    PART_SIGNED = "part_signed"
    PART_FIXED = "part_fixed"
    REFUSED = "refused"
    SECURED = "secured"
    RULED = "ruled"
    TRANSFERRED = "transferred"
    INVOLVED = "involved"
    RELEASED = "released"
    CHANGED = "changed"
    URGENT = "urgent"
    HELD = "held"
    RESUMED = "resumed"
    DECLINED = "declined"
    UPHELD = "upheld"
    RECONSIDERED = "reconsidered"
    MERGED = "merged"
    SPLIT = "split"
    CONFIRMED = "confirmed"
    OBJECTED = "objected"
    RATED = "rated"
    REWORK = "rework"
    CHECKED = "checked"
    SUPERVISED = "supervised"
    ANSWERED = "answered"
    REOPENED = "reopened"
    OVERDUE = "overdue"
    ESCALATED = "escalated"


# What only staff see. A note is public as its author says, an overdue clock where it was promised to the resident.
INTERNAL = frozenset(
    {
        EventKind.WAITING,
        EventKind.PART_SIGNED,
        EventKind.PART_FIXED,
        EventKind.REFUSED,
        EventKind.INVOLVED,
        EventKind.RELEASED,
        EventKind.URGENT,
        EventKind.UPHELD,
        EventKind.CONFIRMED,
        EventKind.RATED,
        EventKind.CHECKED,
        EventKind.SUPERVISED,
        EventKind.ANSWERED,
        EventKind.ESCALATED,
    }
)
STEP_OF = {
    State.AWAITING_DISPATCH: Step.RECEIVED,
    State.DISPATCHED: Step.DISPATCHED,
    State.DISPUTED: Step.DISPATCHED,
    State.IN_PROGRESS: Step.IN_PROGRESS,
    State.ON_HOLD: Step.IN_PROGRESS,
    State.FIXED: Step.FIXED,
    State.CLOSED: Step.CLOSED,
    State.MERGED: Step.CLOSED,  # a reporter is moved along and follows the survivor
    State.DECLINED: Step.DECLINED,
}
OPEN = (State.AWAITING_DISPATCH, State.DISPATCHED, State.DISPUTED, State.IN_PROGRESS, State.ON_HOLD)
ENDED = (State.CLOSED, State.DECLINED, State.MERGED)
