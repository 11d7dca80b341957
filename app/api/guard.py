"""Who may call a route: staff by bearer token (RFC 6750), or anybody where the route says so.

Every route carries ``staff_only`` or ``public``; a test walks the URL map.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from flask import current_app, g, request

from app.errors import Unauthorized

View = TypeVar("View", bound=Callable[..., Any])


class Authenticator(Protocol):
    """Find the person of a token, or None."""

    def __call__(self, token: str) -> Any:
        """Look the token up."""
        ...


def public(view: View) -> View:
    """Say that anybody may call this route."""
    view.guard = "public"  # type: ignore[attr-defined]  # a mark on the function, read by the test
    return view


def staff_only(view: View) -> View:
    """Let nobody in without a valid staff token; ``current_person`` gives who it is."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.person = _authenticate()
        return view(*args, **kwargs)

    guarded.guard = "staff"  # type: ignore[attr-defined]  # a mark on the function, read by the test
    document = guarded.__dict__.setdefault("_apidoc", {}).setdefault("manual_doc", {})
    document["security"] = [{"staff": []}]
    return guarded  # type: ignore[return-value]  # wraps keeps the signature


def _authenticate() -> Any:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    person = current_app.extensions["authenticator"](token.strip()) if kind.lower() == "bearer" and token else None
    if person is None:
        problem = Unauthorized("Send a valid staff token: Authorization: Bearer <token>.")
        problem.headers["WWW-Authenticate"] = 'Bearer realm="staff"'
        raise problem
    return person


def current_person() -> Any:
    """Give the person whom the guard let in."""
    return g.person
