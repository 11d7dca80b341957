"""What the field refuses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from app.accounts.roles import Role
from app.errors import Conflict, Forbidden, NotFound, Problem


class NoSuchCheck(NotFound):
    """The id names no evidence check that this person may see."""

    title = "There is no such check"

    def __init__(self) -> None:
        super().__init__("No evidence check of this id lies in your unit and area.")


class NotYourVerdict(Forbidden):
    """Another role judges evidence: never the crew its own."""

    title = "Another role judges evidence"

    def __init__(self, *, who: Sequence[Role]) -> None:
        names = [role.value for role in who]
        super().__init__(f"Evidence whose check failed is judged by: {', '.join(names)}.", roles=names)


class AlreadyDecided(Conflict):
    """The check needs no verdict any more, or never did."""

    title = "The check is decided"

    def __init__(self, *, verdict: str | None, checked_at: dt.datetime | None) -> None:
        if verdict is None or checked_at is None:
            super().__init__("The check of these photos passed; it needs no verdict.", verdict=None)
            return
        super().__init__(
            f"It was {verdict} on {checked_at:%Y-%m-%d at %H:%M} UTC.",
            verdict=verdict,
            checked_at=checked_at.isoformat(),
        )


class StaleVersion(Problem):
    """The work order has changed since the client read it (RFC 9110, 13.1.1)."""

    status: ClassVar[int] = 412
    title: ClassVar[str] = "The work order has changed"

    def __init__(self) -> None:
        super().__init__("Somebody took a step since you read it. Read it again, then decide again.")


class StepKeyReused(Conflict):
    """The Idempotency-Key was used for another step."""

    title = "This Idempotency-Key stands for another step"

    def __init__(self) -> None:
        super().__init__("Use a new UUID for a new step; repeat a step only with exactly the same content.")


class NotAStep(Conflict):
    """The action has an address of its own."""

    title = "This is not taken here"

    def __init__(self, action: StrEnum) -> None:
        super().__init__(f"The action {action} is taken at an address of its own; see the API's document.")
