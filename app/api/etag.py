"""ETag on reads, If-Match on writes (RFC 9110): a client says which version it knows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema


def entity_tag(version: str) -> str:
    """Give the tag of a version."""
    return hashlib.blake2b(version.encode(), digest_size=12).hexdigest()


def answer_conditionally(found: Any, schema: Schema, *, version: str) -> Response:
    """Answer with a weak ETag of ``version``, or 304 where the client has that version."""
    tag = entity_tag(version)
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
    return lambda version: known.star_tag or known.contains_weak(entity_tag(version))
