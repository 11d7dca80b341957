"""ETag on reads (RFC 9110): a client that knows the version gets 304 and no body."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema


def answer_conditionally(found: Any, schema: Schema, *, version: str) -> Response:
    """Answer with a weak ETag of ``version``, or 304 where the client has that version."""
    tag = hashlib.blake2b(version.encode(), digest_size=12).hexdigest()
    known = request.if_none_match.contains_weak(tag)
    response = Response(status=304) if known else jsonify(schema.dump(found))
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
