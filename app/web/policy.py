"""What pages and scripts of the map may reach beside this service."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app
from werkzeug.wrappers import Response

_HEADER = "Content-Security-Policy"


def allow_style(response: Response) -> None:
    """Let a page of the map, or a script of it, reach the host of the city's own style.

    A worker has the policy that its own file came with, not that of the page that started it.
    """
    parts = urlsplit(current_app.config["SETTINGS"].map_style_url)
    if parts.netloc:
        origin = f"{parts.scheme}://{parts.netloc}"
        policy = str(current_app.extensions["headers"][_HEADER])
        for name in ("connect-src", "img-src"):
            policy = policy.replace(f"{name} 'self'", f"{name} 'self' {origin}")
        response.headers[_HEADER] = policy
