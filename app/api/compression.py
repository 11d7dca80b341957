"""Compress what anybody may read (RFC 9110, 8.4.1); what holds a secret goes out as it is.

A body with a secret and with words of a stranger tells the secret by its length once it is compressed (BREACH,
CVE-2013-3587). A proxy cannot know which bodies these are, so it leaves compression to this.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

from app.api.guard import READING

LEAST_BYTES = 1024
LEVEL = 6
KINDS = frozenset(
    {
        *("text/html", "text/css", "text/csv", "text/plain", "text/javascript"),
        *("application/json", "application/geo+json", "application/problem+json"),
        *("application/xml", "application/atom+xml", "image/svg+xml"),
    }
)
# The parts of an address that are secrets, by their names in rules.
_SECRETS = frozenset({"secret", "token"})


def install(app: Flask) -> None:
    """Compress the answers of ``app``."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """Compress an answer by gzip where the client takes that."""
    if response.mimetype not in KINDS or not _is_public(response) or _is_file(response):
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 304 and takes("gzip") and len(response.get_data()) >= LEAST_BYTES:  # noqa: PLR2004  # not modified
        encode(response, gzip.compress(response.get_data(), LEVEL, mtime=0), "gzip")
    return response


def takes(coding: str) -> bool:
    """Tell whether the client names a coding; a wildcard does not count, as programs send it without thought."""
    return any(name.lower() == coding and quality > 0 for name, quality in request.accept_encodings)


def encode(response: Response, content: bytes, coding: str) -> None:
    """Send ``content`` instead; the tag becomes a weak one, as these are other bytes that say the same."""
    response.set_data(content)
    response.headers["Content-Encoding"] = coding
    tag, _ = response.get_etag()
    if tag is not None:
        response.set_etag(tag, weak=True)


def _is_public(response: Response) -> bool:
    private = response.cache_control.no_store or "Set-Cookie" in response.headers or "Authorization" in request.headers
    return request.method in READING and not private and not _SECRETS & set(request.view_args or ())


def _is_file(response: Response) -> bool:
    """Tell whether an answer is a stream, a part, or compressed already."""
    return response.is_streamed or response.direct_passthrough or "Content-Encoding" in response.headers
