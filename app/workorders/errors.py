"""What a work order refuses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from app.errors import Conflict, Forbidden, NotFound, Unprocessable

_ASKS = {
    "note": ("/note", "Say in `note` what was done or found."),
    "reason": ("/note", "Give the reason in `note`, in words that the people concerned can read."),
    "reason_code": ("/reason", "Choose in `reason` one of the city's reasons to decline."),
    "evidence": (
        "/photos",
        "Send at least one photo taken after the repair in `photos`; where the item asks for words only, a `note`.",
    ),
    "proof": ("/photos", "Send a photo in `photos`, or name in `reference` the document that it rests on."),
    "grounds": ("/reason", "Say in `reason` what is not right, or send a photo of it in `photos`."),
    "unit": ("/unit", "Name in `unit` the code of the unit."),
    "until": ("/until", "Say in `until` when the hold ends, with its time zone."),
    "change": ("/item", "Send the right `item`, or the right position in `lon` and `lat`."),
}


def _names(values: Iterable[StrEnum]) -> list[str]:
    return [value.value for value in values]


class NoSuchWorkOrder(NotFound):
    """The id names no work order that this person may see."""

    title = "There is no such work order"


class IllegalMove(Conflict):
    """The state of the work order does not allow the action; ``legal`` names those that it allows."""

    title = "The work order does not allow this step"

    def __init__(self, *, state: StrEnum, action: StrEnum, legal: Sequence[StrEnum]) -> None:
        allowed = ", ".join(_names(each for each in legal if each is not action)) or "nothing more"
        as_it_is = " as it stands" if action in legal else ""
        super().__init__(
            f"A work order that is {state} cannot take the step {action}{as_it_is}. It allows: {allowed}.",
            state=state.value,
            legal=_names(legal),
        )


class NotYourMove(Forbidden):
    """Another role takes this step."""

    title = "Another role takes this step"

    def __init__(self, *, action: StrEnum, who: Sequence[StrEnum]) -> None:
        super().__init__(f"The step {action} is taken by: {', '.join(_names(who))}.", roles=_names(who))


class MissingNeeds(Unprocessable):
    """The step asks for something that the request did not bring."""

    title = "The step needs more"

    def __init__(self, *, action: StrEnum, missing: Sequence[StrEnum]) -> None:
        asks = [_ASKS[need.value] for need in missing]
        errors = [{"pointer": pointer, "detail": detail} for pointer, detail in asks]
        super().__init__(f"The step {action} needs: {', '.join(_names(missing))}.", errors=errors)
