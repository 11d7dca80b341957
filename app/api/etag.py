"""ETag on reads, If-Match on writes (RFC 9110): a client says which version it knows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema

_BESIDE = "."


def entity_tag(version: str) -> str:
    """Give the tag of a version."""
    return hashlib.blake2b(version.encode(), digest_size=12).hexdigest()


def answer_conditionally(found: Any, schema: Schema, *, version: str, beside: str = "") -> Response:
    """Answer with a weak ETag of ``version``, or 304 where the client has that version.

    What lies ``beside`` changes the tag too, and no If-Match is refused for it.
    """
    tag = entity_tag(version) + (_BESIDE + entity_tag(beside) if beside else "")
    known = request.if_none_match.contains_weak(tag)
    response = Response(status=304) if known else jsonify(schema.dump(found))
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def tag_header(version: str) -> dict[str, str]:
    """Give the ETag header of a version, for an answer to a write."""
    return {"ETag": f'W/"{entity_tag(version)}"'}


def stated_version() -> Callable[[str], bool] | None:
    """Give the test for the versions that If-Match allows; None where the client states none.

    Our tags are weak, and a weak one is taken: it names the version of the thing, not the bytes of an answer.
    """
    known = request.if_match
    if "If-Match" not in request.headers:
        return None
    versions = {tag.partition(_BESIDE)[0] for tag in known.as_set(include_weak=True)}
    return lambda version: known.star_tag or entity_tag(version) in versions
