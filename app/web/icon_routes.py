"""Icons at the addresses where browsers and phones look for them, whatever a page says."""

from __future__ import annotations

from flask import Blueprint, Response, send_from_directory

from app.api.guard import public
from app.web.files import HERE

blp = Blueprint("icons", __name__)

_SECONDS = 86_400


@blp.get("/favicon.ico")
@public
def favicon() -> Response:
    """Show the icon of a tab."""
    return _send("favicon.ico", "image/vnd.microsoft.icon")


@blp.get("/favicon.svg")
@public
def drawing() -> Response:
    """Show the icon of a tab as a drawing."""
    return _send("mark.svg", "image/svg+xml")


@blp.get("/apple-touch-icon.png")
@blp.get("/apple-touch-icon-precomposed.png")
@public
def touch_icon() -> Response:
    """Show the icon of a phone's home screen."""
    return _send("apple-touch-icon.png", "image/png")


def _send(name: str, kind: str) -> Response:
    response = send_from_directory(HERE / "static", name, mimetype=kind)
    response.headers["Cache-Control"] = f"public, max-age={_SECONDS}"
    return response
