"""What dispatch refuses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from app.errors import Conflict, Forbidden, NotFound, Unavailable, Unprocessable


class NobodyResponsible(Unavailable):
    """The pack has no unit for the street: neither rule, nor role, nor street office."""

    title = "No unit is responsible here"


class UnknownReason(Unprocessable):
    """The code names no reason of the city pack."""

    title = "There is no such reason"

    def __init__(self, code: str | None, known: Sequence[str]) -> None:
        detail = f"{code!r} is no reason of this city; `reason` is one of: {', '.join(known)}."
        super().__init__(detail, errors=[{"pointer": "/reason", "detail": detail}])


class UnusableEnd(Unprocessable):
    """A hold ends in the future, and not too far away."""

    title = "A hold needs an end"

    def __init__(self, longest: dt.timedelta) -> None:
        detail = f"`until` is a moment in the future, at most {longest.days} days away, with its time zone."
        super().__init__(detail, errors=[{"pointer": "/until", "detail": detail}])


class AlreadyTheirs(Conflict):
    """The unit has a part in the work order already."""

    title = "The unit has it already"

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} has a part in this work order already; choose another unit.")


class AlreadyDone(Conflict):
    """The unit has taken this step with its part already."""

    title = "That is done already"


class SignFirst(Conflict):
    """A unit finishes only a part that it signed for."""

    title = "Sign for it first"

    def __init__(self) -> None:
        super().__init__("Your unit has not signed for its part yet: take the step sign, then fix.")


class NotYourPart(Forbidden):
    """The person's unit has no part in the work order."""

    title = "Your unit has no part in it"


class NoSuchPart(Conflict):
    """The unit to be released is no co-unit of the work order."""

    title = "The unit has no part in it"

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} is no co-unit of this work order; a lead unit changes by the step transfer.")


class RefusedBefore(Conflict):
    """A unit refuses a work order once, and not after a ruling."""

    title = "Your unit cannot refuse it again"

    def __init__(self) -> None:
        super().__init__("A unit refuses a work order once, and a ruling is final. Sign for it, or ask for a transfer.")


class TooLateToRefuse(Conflict):
    """A unit refuses inside its time to sign."""

    title = "The time to refuse is over"

    def __init__(self) -> None:
        super().__init__("A unit refuses inside its time to sign. Sign for it, or ask a dispatcher for a transfer.")


class AlreadyUrgent(Conflict):
    """A work order is moved to the green channel once."""

    title = "It was marked urgent before"

    def __init__(self) -> None:
        super().__init__("Its clocks were set anew then; that happens once.")


class SupervisedAlready(Conflict):
    """An answer to a supervision is still due."""

    title = "An answer is due already"

    def __init__(self) -> None:
        super().__init__("A supervision of this work order waits for its answer; the next one may follow that.")


class NotSupervised(Conflict):
    """Nothing waits for an answer of the unit."""

    title = "Nobody asked for an answer"

    def __init__(self) -> None:
        super().__init__("No supervision of this work order waits for an answer. Use a note.")


class ReviewedBefore(Conflict):
    """A decline is reviewed once; a reviewed one can still be reconsidered."""

    title = "It was reviewed before"


class NoSuchNotice(NotFound):
    """The id names no notice to the person's unit."""

    title = "There is no such notice"


class NotYourList(Forbidden):
    """The person may not change the responsibility list, or not that much of it."""

    title = "You may not change this part of the list"


class NoSuchProposal(NotFound):
    """The id names no proposal."""

    title = "There is no such proposal"


class RulesRefused(Unprocessable):
    """A proposal names unknown codes, or rules that could never count; ``errors`` names each."""

    title = "The rules have faults"


class StaleProposal(Conflict):
    """The list has changed since the proposal was made, in what the proposal changes; ``changed`` says where."""

    title = "The list has changed since this was proposed"


class AlreadyPublished(Conflict):
    """The proposal is the list already; ``version`` is the one that it made."""

    title = "The proposal is published already"
