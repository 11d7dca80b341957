"""The machine of a work order: one table, read as a table. DESIGN: the life of a work order.

``find_move`` is pure; ``service.take`` changes the state and appends the history in one transaction.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from app.accounts.roles import Role
from app.workorders.errors import IllegalMove, MissingNeeds, NotYourMove
from app.workorders.states import EventKind, State


class Action(StrEnum):
    """What somebody does to a work order."""

    DISPATCH = "dispatch"
    SIGN = "sign"
    NOTE = "note"
    FIX = "fix"
    REFUSE = "refuse"
    SECURE = "secure"
    RULE = "rule"
    TRANSFER = "transfer"
    INVOLVE = "involve"
    RELEASE = "release"
    CHANGE = "change"
    MARK_URGENT = "mark_urgent"
    HOLD = "hold"
    RESUME = "resume"
    DECLINE = "decline"
    UPHOLD = "uphold"
    RECONSIDER = "reconsider"
    MERGE = "merge"
    UNMERGE = "unmerge"
    SPLIT = "split"
    CONFIRM = "confirm"
    OBJECT = "object"
    RATE = "rate"
    CHECK = "check"
    REJECT = "reject"
    SUPERVISE = "supervise"
    ANSWER = "answer"
    CLOSE = "close"
    REOPEN = "reopen"


class When(StrEnum):
    """What the facts must be for a line of the table, where one action leads to more than one state."""

    ANY = "-"
    LEAD = "the lead unit"
    CO = "a co-unit"
    LAST = "no part is left"
    LEFT = "a part is left"
    SAME = "the unit stays"
    OTHER = "another unit"
    GOOD = "3 to 5, or passed"
    BAD = "1 or 2, or failed"
    WAITED = "it awaited dispatch"
    SENT = "it was dispatched"
    WORKED = "it was in progress"
    HELD = "it was on hold"


class Need(StrEnum):
    """What an action must bring."""

    NOTE = "note"
    REASON = "reason"  # in words that the resident can read
    REASON_CODE = "reason_code"  # one of the pack's reasons
    EVIDENCE = "evidence"  # what the item asks for: an after-photo, or a note
    PROOF = "proof"  # a photo, or the document that it rests on
    GROUNDS = "grounds"  # a photo or a reason
    UNIT = "unit"
    UNTIL = "until"
    CHANGE = "change"  # another item or another position


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the table."""

    source: State
    action: Action
    when: When
    target: State
    who: tuple[Role, ...]
    needs: tuple[Need, ...]
    tells: EventKind


_CREW = (Role.CREW, Role.UNIT_MANAGER)
_UNIT = (Role.UNIT_MANAGER,)
_DESK = (Role.DISPATCHER, Role.SUPERVISOR)
_RULER = (Role.ADJUDICATOR,)
_CHIEF = (Role.SUPERVISOR,)
_ALL = (*_CREW, *_DESK, *_RULER)
_AUTO = (Role.DISPATCHER, Role.SYSTEM)
_WHOSE = (Role.REPORTER,)
_FLAG = (*_DESK, Role.SYSTEM)
_HELP = (*_DESK, *_UNIT)
_JUDGE = (*_RULER, *_CHIEF)
_OVER = (*_CHIEF, Role.SYSTEM)
_BOSS = (*_UNIT, *_CHIEF)
_AGAIN = (*_UNIT, *_CHIEF, Role.SYSTEM)
_LISTS = (Role.SYSTEM,)  # a reload of the lists dropped its street, unit or item

_NONE: tuple[Need, ...] = ()
_SAY, _WHY, _CODE, _SHOW, _OWN = (
    (need,) for need in (Need.NOTE, Need.REASON, Need.REASON_CODE, Need.EVIDENCE, Need.GROUNDS)
)
_WHITHER = (Need.UNIT, Need.REASON)
_ANEW = (Need.CHANGE, Need.REASON)
_PROVEN = (Need.REASON, Need.PROOF)
_PAUSE = (Need.REASON, Need.UNTIL, Need.PROOF)

_WAIT, _SENT, _WORK, _DONE = State.AWAITING_DISPATCH, State.DISPATCHED, State.IN_PROGRESS, State.FIXED
_TORN, _HOLD, _END, _NOT, _ONE = State.DISPUTED, State.ON_HOLD, State.CLOSED, State.DECLINED, State.MERGED
_A, _W, _K = Action, When, EventKind

# fmt: off
MOVES = (
    #    from   action          when      to     who may needs     tells
    Move(_WAIT, _A.DISPATCH,    _W.ANY,   _SENT, _AUTO,  _NONE,    _K.DISPATCHED),
    Move(_WAIT, _A.CHANGE,      _W.ANY,   _WAIT, _FLAG,  _ANEW,    _K.CHANGED),
    Move(_WAIT, _A.MARK_URGENT, _W.ANY,   _WAIT, _FLAG,  _WHY,     _K.URGENT),
    Move(_WAIT, _A.DECLINE,     _W.ANY,   _NOT,  _DESK,  _CODE,    _K.DECLINED),
    Move(_WAIT, _A.MERGE,       _W.ANY,   _ONE,  _DESK,  _WHY,     _K.MERGED),
    Move(_WAIT, _A.SPLIT,       _W.ANY,   _WAIT, _DESK,  _WHY,     _K.SPLIT),
    Move(_WAIT, _A.NOTE,        _W.ANY,   _WAIT, _DESK,  _SAY,     _K.NOTE),

    Move(_SENT, _A.SIGN,        _W.LEAD,  _WORK, _CREW,  _NONE,    _K.SIGNED),
    Move(_SENT, _A.SIGN,        _W.CO,    _SENT, _CREW,  _NONE,    _K.PART_SIGNED),
    Move(_SENT, _A.REFUSE,      _W.LEAD,  _TORN, _UNIT,  _PROVEN,  _K.REFUSED),
    Move(_SENT, _A.TRANSFER,    _W.ANY,   _SENT, _DESK,  _WHITHER, _K.TRANSFERRED),
    Move(_SENT, _A.INVOLVE,     _W.ANY,   _SENT, _HELP,  _WHITHER, _K.INVOLVED),
    Move(_SENT, _A.RELEASE,     _W.LEFT,  _SENT, _DESK,  _WHITHER, _K.RELEASED),
    Move(_SENT, _A.CHANGE,      _W.SAME,  _SENT, _FLAG,  _ANEW,    _K.CHANGED),
    Move(_SENT, _A.CHANGE,      _W.OTHER, _SENT, _FLAG,  _ANEW,    _K.TRANSFERRED),
    Move(_SENT, _A.MARK_URGENT, _W.ANY,   _SENT, _FLAG,  _WHY,     _K.URGENT),
    Move(_SENT, _A.DECLINE,     _W.ANY,   _NOT,  _DESK,  _CODE,    _K.DECLINED),
    Move(_SENT, _A.MERGE,       _W.ANY,   _ONE,  _DESK,  _WHY,     _K.MERGED),
    Move(_SENT, _A.SPLIT,       _W.ANY,   _SENT, _DESK,  _WHY,     _K.SPLIT),
    Move(_SENT, _A.RATE,        _W.ANY,   _SENT, _WHOSE, _NONE,    _K.RATED),
    Move(_SENT, _A.ANSWER,      _W.LEAD,  _SENT, _UNIT,  _SAY,     _K.ANSWERED),
    Move(_SENT, _A.NOTE,        _W.ANY,   _SENT, _ALL,   _SAY,     _K.NOTE),

    Move(_TORN, _A.RULE,        _W.ANY,   _SENT, _RULER, _WHITHER, _K.RULED),
    Move(_TORN, _A.SECURE,      _W.ANY,   _TORN, _CREW,  _SAY,     _K.SECURED),
    Move(_TORN, _A.SIGN,        _W.CO,    _TORN, _CREW,  _NONE,    _K.PART_SIGNED),
    Move(_TORN, _A.CHANGE,      _W.SAME,  _TORN, _LISTS, _ANEW,    _K.CHANGED),
    Move(_TORN, _A.MARK_URGENT, _W.ANY,   _TORN, _FLAG,  _WHY,     _K.URGENT),
    Move(_TORN, _A.DECLINE,     _W.ANY,   _NOT,  _JUDGE, _CODE,    _K.DECLINED),
    Move(_TORN, _A.SPLIT,       _W.ANY,   _TORN, _DESK,  _WHY,     _K.SPLIT),
    Move(_TORN, _A.RATE,        _W.ANY,   _TORN, _WHOSE, _NONE,    _K.RATED),
    Move(_TORN, _A.ANSWER,      _W.LEAD,  _TORN, _UNIT,  _SAY,     _K.ANSWERED),
    Move(_TORN, _A.NOTE,        _W.ANY,   _TORN, _ALL,   _SAY,     _K.NOTE),

    Move(_WORK, _A.SIGN,        _W.CO,    _WORK, _CREW,  _NONE,    _K.PART_SIGNED),
    Move(_WORK, _A.FIX,         _W.LAST,  _DONE, _CREW,  _SHOW,    _K.FIXED),
    Move(_WORK, _A.FIX,         _W.LEFT,  _WORK, _CREW,  _SHOW,    _K.PART_FIXED),
    Move(_WORK, _A.HOLD,        _W.LEAD,  _HOLD, _UNIT,  _PAUSE,   _K.HELD),
    Move(_WORK, _A.TRANSFER,    _W.ANY,   _SENT, _DESK,  _WHITHER, _K.TRANSFERRED),
    Move(_WORK, _A.INVOLVE,     _W.ANY,   _WORK, _HELP,  _WHITHER, _K.INVOLVED),
    Move(_WORK, _A.RELEASE,     _W.LEFT,  _WORK, _DESK,  _WHITHER, _K.RELEASED),
    Move(_WORK, _A.RELEASE,     _W.LAST,  _DONE, _DESK,  _WHITHER, _K.FIXED),
    Move(_WORK, _A.CHANGE,      _W.SAME,  _WORK, _FLAG,  _ANEW,    _K.CHANGED),
    Move(_WORK, _A.CHANGE,      _W.OTHER, _SENT, _FLAG,  _ANEW,    _K.TRANSFERRED),
    Move(_WORK, _A.MARK_URGENT, _W.ANY,   _WORK, _FLAG,  _WHY,     _K.URGENT),
    Move(_WORK, _A.DECLINE,     _W.ANY,   _NOT,  _DESK,  _CODE,    _K.DECLINED),
    Move(_WORK, _A.MERGE,       _W.ANY,   _ONE,  _DESK,  _WHY,     _K.MERGED),
    Move(_WORK, _A.SPLIT,       _W.ANY,   _WORK, _DESK,  _WHY,     _K.SPLIT),
    Move(_WORK, _A.RATE,        _W.ANY,   _WORK, _WHOSE, _NONE,    _K.RATED),
    Move(_WORK, _A.SUPERVISE,   _W.ANY,   _WORK, _OVER,  _WHY,     _K.SUPERVISED),
    Move(_WORK, _A.ANSWER,      _W.LEAD,  _WORK, _UNIT,  _SAY,     _K.ANSWERED),
    Move(_WORK, _A.NOTE,        _W.ANY,   _WORK, _ALL,   _SAY,     _K.NOTE),

    Move(_HOLD, _A.SIGN,        _W.CO,    _HOLD, _CREW,  _NONE,    _K.PART_SIGNED),
    Move(_HOLD, _A.RESUME,      _W.LEAD,  _WORK, _AGAIN, _NONE,    _K.RESUMED),
    Move(_HOLD, _A.CHANGE,      _W.SAME,  _HOLD, _LISTS, _ANEW,    _K.CHANGED),
    Move(_HOLD, _A.CHANGE,      _W.OTHER, _SENT, _LISTS, _ANEW,    _K.TRANSFERRED),
    Move(_HOLD, _A.MARK_URGENT, _W.ANY,   _HOLD, _FLAG,  _WHY,     _K.URGENT),
    Move(_HOLD, _A.DECLINE,     _W.ANY,   _NOT,  _DESK,  _CODE,    _K.DECLINED),
    Move(_HOLD, _A.MERGE,       _W.ANY,   _ONE,  _DESK,  _WHY,     _K.MERGED),
    Move(_HOLD, _A.SPLIT,       _W.ANY,   _HOLD, _DESK,  _WHY,     _K.SPLIT),
    Move(_HOLD, _A.RATE,        _W.ANY,   _HOLD, _WHOSE, _NONE,    _K.RATED),
    Move(_HOLD, _A.SUPERVISE,   _W.ANY,   _HOLD, _CHIEF, _WHY,     _K.SUPERVISED),
    Move(_HOLD, _A.ANSWER,      _W.LEAD,  _HOLD, _UNIT,  _SAY,     _K.ANSWERED),
    Move(_HOLD, _A.NOTE,        _W.ANY,   _HOLD, _ALL,   _SAY,     _K.NOTE),

    Move(_DONE, _A.CONFIRM,     _W.ANY,   _DONE, _WHOSE, _NONE,    _K.CONFIRMED),
    Move(_DONE, _A.OBJECT,      _W.ANY,   _WORK, _WHOSE, _OWN,     _K.OBJECTED),
    Move(_DONE, _A.RATE,        _W.GOOD,  _DONE, _WHOSE, _NONE,    _K.RATED),
    Move(_DONE, _A.RATE,        _W.BAD,   _WORK, _WHOSE, _NONE,    _K.REWORK),
    Move(_DONE, _A.CHECK,       _W.GOOD,  _DONE, _DESK,  _SAY,     _K.CHECKED),
    Move(_DONE, _A.CHECK,       _W.BAD,   _WORK, _DESK,  _SAY,     _K.REWORK),
    Move(_DONE, _A.REJECT,      _W.ANY,   _WORK, _BOSS,  _SAY,     _K.REWORK),
    Move(_DONE, _A.ANSWER,      _W.LEAD,  _DONE, _UNIT,  _SAY,     _K.ANSWERED),
    Move(_DONE, _A.CLOSE,       _W.ANY,   _END,  _OVER,  _NONE,    _K.CLOSED),
    Move(_DONE, _A.CHANGE,      _W.SAME,  _DONE, _LISTS, _ANEW,    _K.CHANGED),
    Move(_DONE, _A.SPLIT,       _W.ANY,   _DONE, _DESK,  _WHY,     _K.SPLIT),
    Move(_DONE, _A.REOPEN,      _W.ANY,   _WORK, _CHIEF, _WHY,     _K.REOPENED),
    Move(_DONE, _A.NOTE,        _W.ANY,   _DONE, _ALL,   _SAY,     _K.NOTE),

    Move(_END,  _A.OBJECT,      _W.ANY,   _WORK, _WHOSE, _OWN,     _K.OBJECTED),
    Move(_END,  _A.RATE,        _W.GOOD,  _END,  _WHOSE, _NONE,    _K.RATED),
    Move(_END,  _A.RATE,        _W.BAD,   _WORK, _WHOSE, _NONE,    _K.REWORK),
    Move(_END,  _A.ANSWER,      _W.LEAD,  _END,  _UNIT,  _SAY,     _K.ANSWERED),
    Move(_END,  _A.REOPEN,      _W.ANY,   _WORK, _CHIEF, _WHY,     _K.REOPENED),

    Move(_NOT,  _A.UPHOLD,      _W.ANY,   _NOT,  _CHIEF, _WHY,     _K.UPHELD),
    Move(_NOT,  _A.RECONSIDER,  _W.ANY,   _WAIT, _CHIEF, _WHY,     _K.RECONSIDERED),

    Move(_ONE,  _A.UNMERGE,     _W.WAITED, _WAIT, _DESK, _WHY,     _K.SPLIT),
    Move(_ONE,  _A.UNMERGE,     _W.SENT,  _SENT, _DESK,  _WHY,     _K.SPLIT),
    Move(_ONE,  _A.UNMERGE,     _W.WORKED, _WORK, _DESK, _WHY,     _K.SPLIT),
    Move(_ONE,  _A.UNMERGE,     _W.HELD,  _HOLD, _DESK,  _WHY,     _K.SPLIT),
)
# fmt: on


def legal(state: State, role: Role | None = None) -> tuple[Action, ...]:
    """Name the actions that a state allows (to a role), in the order of the table."""
    found = (move.action for move in MOVES if move.source is state and (role is None or role in move.who))
    return tuple(dict.fromkeys(found))


def find_move(
    state: State,
    action: Action,
    role: Role,
    brought: AbstractSet[Need] = frozenset(),
    facts: AbstractSet[When] = frozenset(),
) -> Move:
    """Find the move that ``role`` makes by ``action`` from ``state``, given what was brought and what the facts are.

    Raises IllegalMove where the table has none, NotYourMove where another role makes it, MissingNeeds where it
    asks for more than was brought.
    """
    known = {When.ANY, *facts}
    moves = [move for move in MOVES if move.source is state and move.action is action]
    # For people there is no line that the service alone takes.
    moves = [move for move in moves if role is Role.SYSTEM or move.who != (Role.SYSTEM,)]
    move = next((move for move in moves if move.when in known), None)
    if moves and not any(role in each.who for each in moves):
        raise NotYourMove(action=action, who=moves[0].who)
    if move is None:
        raise IllegalMove(state=state, action=action, legal=legal(state, role))
    missing = [need for need in move.needs if need not in brought]
    if missing:
        raise MissingNeeds(action=action, missing=missing)
    return move
