"""The static files: their versions stand in their URLs, so that a browser may keep them for a year."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Response, request, url_for

HERE = Path(__file__).parent
VERSIONS = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:10] for path in (HERE / "static").iterdir()}
_TEMPLATES = b"".join(path.read_bytes() for path in sorted((HERE / "templates").iterdir()))
# What a page looks like beside its content: a new release must not be answered by 304.
RELEASE = hashlib.sha256(_TEMPLATES + repr(sorted(VERSIONS.items())).encode()).hexdigest()[:10]
_FOR_A_YEAR = "public, max-age=31536000, immutable"


def asset(name: str) -> str:
    """Give the URL of a static file in its present version."""
    return url_for("web.static", filename=name, v=VERSIONS[name])


def set_caching(response: Response) -> Response:
    """Let a file be kept where its URL names its version; a page is for one person, in one language."""
    if request.endpoint == "web.static":
        name = (request.view_args or {}).get("filename", "")
        if name in VERSIONS and request.args.get("v") == VERSIONS[name]:
            response.headers["Cache-Control"] = _FOR_A_YEAR
        return response
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.vary.add("Accept-Language")
    return response
