"""Refusals: what the product says when it will not do a thing, each with its HTTP status.

Features subclass these in their own ``errors.py``. The slug of a problem's type is its class name in kebab case;
docs/problems.md has a paragraph for each (a test says so). app/api/problems.py writes them as RFC 9457.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class SettingsFault(SystemExit):
    """The environment does not describe a service that can start: one line on standard error, exit code 1."""


class Problem(Exception):
    """A refusal. ``detail`` says what to do about it; ``members`` become extension members of the answer."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members
        self.headers: dict[str, str] = {}

    @classmethod
    def slug(cls) -> str:
        """Give the last part of the problem's type URI: the class name in kebab case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class BadRequest(Problem):
    """The request cannot be read."""

    status = 400
    title = "The request cannot be read"


class Unauthorized(Problem):
    """No valid token came with the request."""

    status = 401
    title = "Sign in first"


class Forbidden(Problem):
    """The person may not do this."""

    status = 403
    title = "You may not do this"


class NotFound(Problem):
    """There is no such thing, or the person may not know of it."""

    status = 404
    title = "There is no such thing here"


class Conflict(Problem):
    """The thing is not in a state from which this can be done."""

    status = 409
    title = "Not from here"


class TooLarge(Problem):
    """More bytes than are taken."""

    status = 413
    title = "Too large"


class UnsupportedMediaType(Problem):
    """The body is of a kind that this operation does not read."""

    status = 415
    title = "The body is of another kind"


class Unprocessable(Problem):
    """The payload is understood and wrong; ``errors`` names each fault by a JSON Pointer (RFC 6901)."""

    status = 422
    title = "The payload has faults"


class TooMany(Problem):
    """Too many requests from one place; ``Retry-After`` says when to come back."""

    status = 429
    title = "Too many requests"


class Unavailable(Problem):
    """A part that this needs does not answer at the moment; the same request may be sent again."""

    status = 503
    title = "Not available at the moment"
