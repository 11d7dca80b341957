"""The static files: their versions stand in their URLs, so that a browser may keep them for a year."""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from flask import Response, request, url_for

from app.api import compression
from app.web.policy import allow_style

HERE = Path(__file__).parent
# A worker is a module, which browsers take as a script only.
mimetypes.add_type("text/javascript", ".mjs")
VERSIONS = {
    path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:10]
    for path in (HERE / "static").iterdir()
    if path.is_file()
}
_TEMPLATES = b"".join(path.read_bytes() for path in sorted((HERE / "templates").iterdir()))
# What a page looks like beside its content: a new release must not be answered by 304.
RELEASE = hashlib.sha256(_TEMPLATES + repr(sorted(VERSIONS.items())).encode()).hexdigest()[:10]
BUILD = "build"
MANIFEST = HERE / "static" / BUILD / "manifest.json"
# The best first.
_ENDINGS = {"br": ".br", "gzip": ".gz"}
_FOR_A_YEAR = "public, max-age=31536000, immutable"


def asset(name: str) -> str:
    """Give the URL of a static file in its present version."""
    return url_for("web.static", filename=name, v=VERSIONS[name])


@cache
def built(entry: str) -> Mapping[str, list[str]]:
    """Give the URLs of the script and the styles that the front end's build made of ``entry``; none without a build."""
    if not MANIFEST.exists():
        return {"scripts": [], "styles": []}
    made = json.loads(MANIFEST.read_text(encoding="utf-8"))[entry]
    names = {"scripts": [made["file"]], "styles": made.get("css", [])}
    return {kind: [url_for("web.static", filename=f"{BUILD}/{name}") for name in each] for kind, each in names.items()}


def find_fault() -> str:
    """Give why pages lack the map, "" where the front end is built."""
    return "" if MANIFEST.exists() else "not built: run `python3 -m dev setup`, or `make install` in production"


def set_caching(response: Response) -> Response:
    """Let a file be kept where its URL names its version; a page is for one person, in one language."""
    if request.endpoint == "web.static":
        name = (request.view_args or {}).get("filename", "")
        # The build names its files by their content.
        built = name.startswith(f"{BUILD}/assets/")
        if built or (name in VERSIONS and request.args.get("v") == VERSIONS[name]):
            response.headers["Cache-Control"] = _FOR_A_YEAR
        if built:
            allow_style(response)
        return _pack(response, name)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.vary.add("Accept-Language")
    return response


def _pack(response: Response, name: str) -> Response:
    """Send a static file compressed where the client takes that: as the build has left it, else by gzip."""
    if response.mimetype not in compression.KINDS:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200:  # noqa: PLR2004  # a part or nothing is sent of the file as it is
        return response
    packed = next(
        (found for coding in _ENDINGS if compression.takes(coding) and (found := _packed(name, coding))), None
    )
    if packed:
        response.close()
        response.direct_passthrough = False
        compression.encode(response, *packed)
        response.headers.pop("Accept-Ranges", None)
    return response


@cache
def _packed(name: str, coding: str) -> tuple[bytes, str] | None:
    """Give a static file in a coding; None where it is small, or the build made none of it."""
    path = HERE / "static" / name
    made = path.with_name(path.name + _ENDINGS[coding])
    if made.is_file():
        return made.read_bytes(), coding
    content = path.read_bytes()
    if coding != "gzip" or len(content) < compression.LEAST_BYTES:
        return None
    return gzip.compress(content, mtime=0), coding
