"""Pictures over HTTP: renditions only, by signed links. No original is ever sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from app.api.blueprint import Blueprint
from app.api.guard import public
from app.db import Reading
from app.media import service
from app.media.links import Kind
from app.media.schemas import SignatureSchema

blp = Blueprint("photos", __name__, url_prefix="/api/v1/photos", description="Pictures of reports and repairs")

# A plain one is for the eyes of one: no shared cache keeps it. A masked one may be hidden or masked anew at any time.
_IMMUTABLE = "private, max-age=31536000, immutable"
_ASK_AGAIN = "public, no-cache"


@blp.get("/<uuid:photo_id>/<int:size>.jpg")
@public
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="image/jpeg")
@blp.alt_response(206, description="The part that `Range` asks for, of the picture that `If-Range` names")
@blp.alt_response(304, description="The caller has this picture already (`If-None-Match`)")
@blp.alt_response(416, description="The part begins behind the end of the picture")
@blp.alt_response(404, description="No such picture, a wrong signature, or not made yet (then with Retry-After)")
def show_rendition(query: dict[str, Any], photo_id: UUID, size: int) -> Response:
    """Show a picture to staff or to the one who sent it, 1600 or 320 pixels wide or high"""
    return _send(photo_id, size, query["sig"], Kind.PLAIN)


@blp.get("/<uuid:photo_id>/masked/<int:size>.jpg")
@public
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="image/jpeg")
@blp.alt_response(404, description="No such picture, a wrong signature, or not to be seen (then with Retry-After)")
def show_masked(query: dict[str, Any], photo_id: UUID, size: int) -> Response:
    """Show the picture that everybody may see: faces and number plates that were found are pixelated"""
    return _send(photo_id, size, query["sig"], Kind.MASKED)


def _send(photo_id: UUID, size: int, signature: str, kind: Kind) -> Response:
    with Reading() as session:
        picture, tag = service.show(session, service.current(), photo_id, size, signature=signature, kind=kind)
    response = Response(picture, content_type="image/jpeg")
    response.set_etag(tag)
    response.headers["Cache-Control"] = _IMMUTABLE if kind is Kind.PLAIN else _ASK_AGAIN
    response.headers["Content-Disposition"] = "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # A slow network gets the rest of a picture, not all of it again; the tag is strong, so parts fit together.
    response.make_conditional(request, accept_ranges=True, complete_length=len(picture))
    return response
