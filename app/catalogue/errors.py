"""What the catalogue refuses."""

from __future__ import annotations

from app.errors import Unavailable, Unprocessable


class NoCity(Unavailable):
    """No city pack is loaded."""

    title = "No city is loaded"

    def __init__(self) -> None:
        super().__init__("No city pack is loaded. Run `flask city load PATH`.")


class UnknownItem(Unprocessable):
    """The code names no item of the current catalogue."""

    title = "The catalogue has no such item"

    def __init__(self, code: str) -> None:
        detail = f"The catalogue has no item {code!r}. Leave it out, or take a code of the catalogue."
        super().__init__(detail, errors=[{"pointer": "/item", "detail": detail}])


class UnknownUnit(Unprocessable):
    """The code names no unit of the city. ``hint`` says what may be sent instead."""

    title = "There is no such unit"

    def __init__(self, code: str | None, hint: str = "Take a code of its units; GET /api/v1/units finds it.") -> None:
        detail = f"The city has no unit {code!r}. {hint}"
        super().__init__(detail, errors=[{"pointer": "/unit", "detail": detail}])


class PackRefused(Exception):
    """A pack that may not be loaded: faults, another city's. The command prints it."""
