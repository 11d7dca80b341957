"""Who may call a route: staff by bearer token (RFC 6750), or anybody where the route says so.

Every route carries ``staff_only`` or ``public``; a test walks the URL map. The marks stay on the function: ``guard``,
``roles``, ``scope``, ``own``. Roles and scopes are plain words here: the edge knows no feature.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Protocol, TypeVar, overload

from flask import current_app, g, request

from app.errors import Forbidden, Unauthorized

View = TypeVar("View", bound=Callable[..., Any])

READING = frozenset({"GET", "HEAD"})
READ, MOVE = "read", "move"  # the scopes of routes that name none
CHALLENGE = 'Bearer realm="staff"'
AUDITOR = "auditor"  # the role that changes nothing, whatever a route allows


class Authenticator(Protocol):
    """Find the person of a token, or None."""

    def __call__(self, token: str) -> Any:
        """Look the token up."""
        ...


def public(view: View) -> View:
    """Say that anybody may call this route."""
    view.guard = "public"  # type: ignore[attr-defined]  # a mark on the function, read by the test
    return view


@overload
def staff_only(view: View, /) -> View: ...
@overload
def staff_only(
    *, roles: tuple[str, ...] = (), scope: str = "", own: bool = False, reads: bool = False
) -> Callable[[View], View]: ...
def staff_only(
    view: Any = None, /, *, roles: tuple[str, ...] = (), scope: str = "", own: bool = False, reads: bool = False
) -> Any:  # the overloads say which
    """Let nobody in without a valid staff token; ``current_person`` gives who it is.

    ``roles`` are the ones that may, any where none is named. ``scope`` is what the token must be good for: ``read``
    for GET and ``move`` otherwise where none is named. An auditor's token reads and nothing else: by GET, or by a route
    that ``reads``, which changes nothing whatever its method is. A route with ``own`` is about the caller's own account
    alone: it takes any valid token.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.person = _authenticate()
            if not own:
                only_reads = reads or request.method in READING
                _require(g.person, roles, scope or (READ if only_reads else MOVE), only_reads=only_reads)
            return view(*args, **kwargs)

        marks = {"guard": "staff", "roles": roles, "scope": scope, "own": own}
        guarded.__dict__.update(marks)
        document = guarded.__dict__.setdefault("_apidoc", {}).setdefault("manual_doc", {})
        document["security"] = [{"staff": []}]
        return guarded  # type: ignore[return-value]  # wraps keeps the signature

    return guard if view is None else guard(view)


def _authenticate() -> Any:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    person = current_app.extensions["authenticator"](token.strip()) if kind.lower() == "bearer" and token else None
    if person is None:
        problem = Unauthorized("Send a valid staff token: Authorization: Bearer <token>.")
        problem.headers["WWW-Authenticate"] = CHALLENGE
        raise problem
    return person


def _require(person: Any, roles: tuple[str, ...], scope: str, *, only_reads: bool) -> None:
    if roles and person.role not in roles:
        raise Forbidden(f"This is for: {', '.join(roles)}. You are: {person.role}.", roles=list(roles))
    if person.role == AUDITOR and not only_reads:
        raise Forbidden("An auditor reads all and changes nothing.")
    if person.scopes is not None and scope not in person.scopes:
        raise Forbidden(f"This token is not good for {scope!r}: {_why_narrow(person.scopes)}.", scope=scope)


def _why_narrow(scopes: Collection[str]) -> str:
    # Without any scope are only the sessions that a one-time password opens.
    if not scopes:
        return "a one-time password must be changed first (PUT /api/v1/me/password)"
    return f"it was issued for {', '.join(sorted(scopes))}"


def current_person() -> Any:
    """Give the person whom the guard let in."""
    return g.person
