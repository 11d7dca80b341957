"""What every request passes: its id, proxies, security headers, one log line."""

from __future__ import annotations

import logging
import re
import time
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from uuid_utils.compat import uuid7
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from app.api.rule import matched_rule
from app.logs import request_id
from app.silence import begin_budget, end_budget

log = logging.getLogger(__name__)

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_POLICY = (
    "default-src 'self'; connect-src 'self'{live}; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # A tracking link is a secret: it must not travel in a referrer.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(self)",
}


def install(app: Flask, *, trusted_proxies: int, live_url: str = "") -> None:
    """Wrap every request of ``app``; ``trusted_proxies`` is how many of our own stand before it.

    ``live_url`` is where its pages may open the live stream, beside their own address.
    """
    live = urlsplit(live_url)
    origin = f" {live.scheme}://{live.netloc}" if live_url else ""
    app.extensions["headers"] = {**HEADERS, "Content-Security-Policy": _POLICY.format(live=origin)}
    if trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # the way that Werkzeug documents
            app.wsgi_app, x_for=trusted_proxies, x_proto=trusted_proxies, x_host=trusted_proxies
        )
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _: end_budget())


def read_request_id(given: str) -> str:
    """Give the id that a proxy gave a request, or a new one where it gave none that may stand in the logs."""
    return given if _GIVEN_ID.fullmatch(given) else str(uuid7())


def _begin() -> None:
    request_id.set(read_request_id(request.headers.get("X-Request-Id", "")))
    begin_budget()
    g.began = time.perf_counter()
    if "\x00" in request.path:
        raise NotFound  # nothing has such a name, neither in the database nor in the file system


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id.get()
    for name, value in current_app.extensions["headers"].items():
        response.headers.setdefault(name, value)
    took = round(1000 * (time.perf_counter() - g.began), 1) if "began" in g else None
    log.info(
        "request",
        extra={
            "method": request.method,
            "route": matched_rule(),
            "status": response.status_code,
            "milliseconds": took,
        },
    )
    return response
