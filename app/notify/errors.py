"""What telling people refuses."""

from __future__ import annotations

from app.errors import Unprocessable


class UnusableContact(Unprocessable):
    """The contact is neither an e-mail address nor a phone number that could be reached."""

    title = "The contact cannot be used"

    def __init__(self) -> None:
        detail = "Send an e-mail address (name@example.org) or a phone number with country code (+86 138 0013 8000)."
        super().__init__(detail, errors=[{"pointer": "/contact", "detail": detail}])
