"""The machine of a work order: one table, read as a table. DESIGN: the life of a work order.

``advance`` is pure; ``service.advance`` locks, reads again, calls it and appends the history in one transaction.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from app.accounts.roles import Role
from app.workorders.errors import IllegalMove, MissingNeeds, NotYourMove


class State(StrEnum):
    """Where a work order stands."""

    AWAITING_DISPATCH = "awaiting_dispatch"  # 待分拨
    DISPATCHED = "dispatched"  # 已分拨
    IN_PROGRESS = "in_progress"  # 处理中
    FIXED = "fixed"  # 待核实
    CLOSED = "closed"  # 已结案


class Step(StrEnum):
    """What the public sees of the states, in this order."""

    RECEIVED = "received"
    DISPATCHED = "dispatched"
    IN_PROGRESS = "in_progress"
    FIXED = "fixed"
    CLOSED = "closed"


class Action(StrEnum):
    """What a person does to a work order."""

    DISPATCH = "dispatch"
    SIGN = "sign"
    NOTE = "note"
    FIX = "fix"
    CLOSE = "close"


class Need(StrEnum):
    """What an action must bring."""

    NOTE = "note"
    EVIDENCE = "evidence"  # what the item asks for: an after-photo, or a note


class Outcome(StrEnum):
    """How a closed work order ended."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    UNKNOWN = "unknown"


STEP_OF = {
    State.AWAITING_DISPATCH: Step.RECEIVED,
    State.DISPATCHED: Step.DISPATCHED,
    State.IN_PROGRESS: Step.IN_PROGRESS,
    State.FIXED: Step.FIXED,
    State.CLOSED: Step.CLOSED,
}
OPEN = (State.AWAITING_DISPATCH, State.DISPATCHED, State.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the table."""

    source: State
    action: Action
    target: State
    who: tuple[Role, ...]
    needs: tuple[Need, ...]


_CREW = (Role.CREW, Role.UNIT_MANAGER)
_DESK = (Role.DISPATCHER, Role.SUPERVISOR)
_ALL = (*_CREW, *_DESK)
_DISPATCH = (Role.DISPATCHER, Role.SYSTEM)

# fmt: off
MOVES = (
    #    from                     action           to                 who may                needs
    Move(State.AWAITING_DISPATCH, Action.DISPATCH, State.DISPATCHED,  _DISPATCH,             ()),
    Move(State.AWAITING_DISPATCH, Action.NOTE,     State.AWAITING_DISPATCH, _DESK,           (Need.NOTE,)),
    Move(State.DISPATCHED,        Action.SIGN,     State.IN_PROGRESS, _CREW,                 ()),
    Move(State.DISPATCHED,        Action.NOTE,     State.DISPATCHED,  _ALL,                  (Need.NOTE,)),
    Move(State.IN_PROGRESS,       Action.NOTE,     State.IN_PROGRESS, _ALL,                  (Need.NOTE,)),
    Move(State.IN_PROGRESS,       Action.FIX,      State.FIXED,       _CREW,                 (Need.EVIDENCE,)),
    Move(State.FIXED,             Action.NOTE,     State.FIXED,       _ALL,                  (Need.NOTE,)),
    Move(State.FIXED,             Action.CLOSE,    State.CLOSED,      (Role.SUPERVISOR,),    ()),
)
# fmt: on

_BY_START = {(move.source, move.action): move for move in MOVES}


def legal(state: State) -> tuple[Action, ...]:
    """Name the actions that a state allows, in the order of the table."""
    return tuple(move.action for move in MOVES if move.source is state)


def advance(state: State, action: Action, role: Role, brought: AbstractSet[Need]) -> Move:
    """Find the move that ``role`` makes by ``action`` from ``state``.

    Raises IllegalMove where the table has none, NotYourMove where another role makes it, MissingNeeds where it
    asks for more than was brought.
    """
    move = _BY_START.get((state, action))
    if move is None:
        raise IllegalMove(state=state, action=action, legal=legal(state))
    if role not in move.who:
        raise NotYourMove(action=action, who=move.who)
    missing = [need for need in move.needs if need not in brought]
    if missing:
        raise MissingNeeds(action=action, missing=missing)
    return move
