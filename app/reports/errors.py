"""What intake and tracking refuse."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import Conflict, NotFound, Unprocessable


class NoPosition(Unprocessable):
    """Neither the request nor a photo says where it is."""

    title = "Where is it?"

    def __init__(self) -> None:
        detail = "Send lon and lat, or a photo that carries its position; browsers often strip it from the photo."
        super().__init__(detail, errors=[{"pointer": "/lon", "detail": detail}])


class DatumMissing(Unprocessable):
    """The city demands that the datum of a position is named."""

    title = "Which datum?"

    def __init__(self) -> None:
        detail = "This city demands `datum` beside a position: wgs84 (GPS, browsers), gcj02 (Amap, WeChat) or bd09."
        super().__init__(detail, errors=[{"pointer": "/datum", "detail": detail}])


class NothingSaid(Unprocessable):
    """A report without photo, item and words says nothing."""

    title = "What is it?"

    def __init__(self) -> None:
        detail = "Send at least a photo, an item or a description."
        super().__init__(detail, errors=[{"pointer": "/photos", "detail": detail}])


class KeyReused(Conflict):
    """The Idempotency-Key was used for a report with other content."""

    title = "This Idempotency-Key stands for another report"

    def __init__(self) -> None:
        super().__init__("Use a new UUID for a new report; repeat a report only with exactly the same content.")


class NotTheSame(Unprocessable):
    """The work order in ``same_as`` cannot be the same problem: unknown, not public, or too far away."""

    title = "It cannot be the same"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, errors=[{"pointer": "/same_as", "detail": detail}])


class SameAsClosed(Conflict):
    """The work order in ``same_as`` is closed already."""

    title = "That one is closed already"

    def __init__(self) -> None:
        super().__init__("Leave out same_as: a new work order is opened for what you see now.")


class NoSuchReport(NotFound):
    """No report has this tracking link."""

    title = "There is no report under this link"

    def __init__(self) -> None:
        super().__init__("Check that the link is complete; it stands in the first answer and in every message.")


class NothingToRate(Conflict):
    """Nobody has said yet that it is fixed."""

    title = "There is nothing to rate yet"

    def __init__(self) -> None:
        super().__init__("A rating is about a repair; you hear when the unit says that it is fixed.")


class TooLateToAnswer(Conflict):
    """The work order closed too long ago."""

    title = "It closed too long ago"

    def __init__(self, days: int) -> None:
        super().__init__(f"Answers are taken up to {days} days after it closed. Send a new report of what you see now.")


class CannotMerge(Conflict):
    """The two work orders cannot be merged as asked."""

    title = "These two cannot be merged"


class CannotUndo(Conflict):
    """The merge cannot be undone as things stand."""

    title = "This merge cannot be undone"


class CannotSplit(Conflict):
    """The reports cannot be split off as asked."""

    title = "These reports cannot be split off"


class TooFarToMerge(Unprocessable):
    """The two work orders lie so far apart that they can hardly be one problem; ``distance_m`` says how far."""

    title = "These two lie far apart"

    def __init__(self, distance_m: float, within_m: float) -> None:
        detail = (
            f"They lie {distance_m:.0f} m apart; the same problem lies within {within_m:.0f} m. Check the id in "
            "`into`; where they are one problem all the same, say `far`: true and why in `note`."
        )
        error = {"pointer": "/into", "detail": detail}
        super().__init__(detail, errors=[error], distance_m=round(distance_m), within_m=within_m)


class NoSuchSpotCheck(NotFound):
    """The id names no check that is still open."""

    title = "There is no such open check"

    def __init__(self) -> None:
        super().__init__("It is done, or the work order has moved on since. Read the list again.")


class NotAChannel(Unprocessable):
    """The city takes no reports of a desk by this channel."""

    title = "The city has no such channel"

    def __init__(self, channel: str, allowed: Sequence[str]) -> None:
        detail = f"A desk of this city files by {', '.join(allowed) or 'no channel'}; {channel} is none of them."
        super().__init__(detail, errors=[{"pointer": "/channel", "detail": detail}])


class NoSuchContact(NotFound):
    """The report has no such contact."""

    title = "No such contact"

    def __init__(self) -> None:
        super().__init__("Take the id of a contact from the report's own page.")
