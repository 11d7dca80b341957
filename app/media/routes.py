"""Photos over HTTP: direct uploads, and renditions by signed links. No original is ever sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.guard import public
from app.api.ratelimit import limited
from app.db import Reading, Session
from app.media import links, pairs, queries, service, uploads
from app.media.errors import NothingArrived
from app.media.formats import Format
from app.media.links import Kind
from app.media.models import DirectUpload, UploadState
from app.media.schemas import (
    AnnouncedAgainIn,
    AnnouncedIn,
    ContentSchema,
    SignatureSchema,
    UploadOut,
    media_type_of,
)
from app.media.service import Rendition
from app.media.uploads import Announced

blp = Blueprint("photos", __name__, url_prefix="/api/v1/photos", description="Pictures of reports and repairs")

# A plain one is for the eyes of one: no shared cache keeps it. A masked one may be hidden or masked anew at any time.
_IMMUTABLE = "private, max-age=31536000, immutable"
_ASK_AGAIN = "public, no-cache"
_BINARY = {"type": "string", "format": "binary"}
_EACH_FORMAT = {"responses": {"200": {"content": {kind.media_type: {"schema": _BINARY} for kind in Format}}}}

_SECRET = {"Cache-Control": "no-store"}
Shown = tuple[dict[str, Any], int, dict[str, str]]


@blp.post("")
@public
@limited
@blp.arguments(AnnouncedIn)
@blp.response(201, UploadOut)
def announce(new: dict[str, Any]) -> Shown:
    """Announce a photo, and get the address to PUT it to

    Name the id in a report or a step at once, or within 24 hours: the bytes may follow, for a week.
    """
    with Session.begin() as session:
        upload = uploads.announce(session, Announced(**new), now=now())
    return _show(upload, status=201)


@blp.get("/<uuid:photo_id>/upload")
@public
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, UploadOut)
def show_upload(query: dict[str, Any], photo_id: UUID) -> Shown:
    """Say how far a direct upload is, and why its picture is not taken"""
    with Reading() as session:
        upload = uploads.find_upload(session, service.current(), photo_id, signature=query["sig"])
    return _show(upload)


@blp.post("/<uuid:photo_id>/upload")
@public
@limited
@blp.arguments(SignatureSchema, location="query")
@blp.arguments(AnnouncedAgainIn)
@blp.response(200, UploadOut)
def announce_again(query: dict[str, Any], new: dict[str, Any], photo_id: UUID) -> Shown:
    """Get a new address for a photo that has not arrived or was refused

    With an empty object for the same file; with media_type, size and name for another one. What arrived stays.
    """
    with Session.begin() as session:
        upload = uploads.find_upload(session, service.current(), photo_id, signature=query["sig"])
        before: dict[str, Any] = {"media_type": upload.media_type, "size": upload.size, "name": upload.name}
        upload = uploads.announce_again(session, photo_id, Announced(**before | new), now=now())
    return _show(upload)


@blp.post("/<uuid:photo_id>/arrived")
@public
@limited
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, UploadOut)
def note_arrival(query: dict[str, Any], photo_id: UUID) -> Shown:
    """Say that the bytes were put: they are looked at soon

    Nothing is lost where this is not said: who waits for photos looks each minute.
    """
    with Reading() as session:
        upload = uploads.find_upload(session, service.current(), photo_id, signature=query["sig"])
    if upload.state is UploadState.EXPECTED and not uploads.is_there(service.current(), upload):
        raise NothingArrived(name=upload.name)
    return _note_arrival(upload)


@blp.put("/<uuid:photo_id>/content")
@public
@limited
@blp.arguments(ContentSchema, location="query")
@blp.response(200, UploadOut)
def put_content(query: dict[str, Any], photo_id: UUID) -> Shown:
    """Take the bytes of a photo, at an address that was given for them

    As often as the network needs it. Where photos are kept in a bucket, the address is the bucket's instead.
    """
    with Reading() as session:
        upload = uploads.find_for_content(
            session, service.current(), photo_id, expires=query["expires"], signature=query["sig"], now=now()
        )
        photo = queries.find_photo(session, photo_id)
    uploads.take_content(
        service.current(),
        upload,
        request.stream,
        media_type=media_type_of(request.mimetype),
        size=request.content_length,
        digest=photo.digest if photo and photo.arrived_at else None,
    )
    return _note_arrival(upload)


def _note_arrival(upload: DirectUpload) -> Shown:
    if upload.state is UploadState.READY:
        return _show(upload)
    with Session.begin() as session:
        upload = uploads.note_arrival(session, upload.photo_id, upload.attempt, now=now())
    return _show(upload)


def _show(upload: DirectUpload, *, status: int = 200) -> Shown:
    media = service.current()
    state_path, arrived_path = links.upload_paths(media.key, upload.photo_id)
    shown = {
        "id": upload.photo_id,
        "state": upload.state,
        "reason": uploads.say_fault(upload),
        "upload": uploads.address_of(media, upload, now=now()),
        "state_url": media.public_url + state_path,
        "arrived_url": media.public_url + arrived_path,
    }
    return shown, status, _SECRET


@blp.get("/<uuid:photo_id>/<int:size>")
@public
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, _BINARY, content_type=Format.JPEG.media_type)
@blp.doc(**_EACH_FORMAT)
@blp.alt_response(206, description="The part that `Range` asks for, of the picture that `If-Range` names")
@blp.alt_response(304, description="The caller has this picture already (`If-None-Match`)")
@blp.alt_response(416, description="The part begins behind the end of the picture")
@blp.alt_response(404, description="No such picture, a wrong signature, or not made yet (then with Retry-After)")
def show_rendition(query: dict[str, Any], photo_id: UUID, size: int) -> Response:
    """Show a picture to staff or to the one who sent it, 1600 or 320 pixels wide or high"""
    return _send(photo_id, size, query["sig"], Kind.PLAIN)


@blp.get("/<uuid:photo_id>/masked/<int:size>")
@public
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, _BINARY, content_type=Format.JPEG.media_type)
@blp.doc(**_EACH_FORMAT)
@blp.alt_response(404, description="No such picture, a wrong signature, or not to be seen (then with Retry-After)")
def show_masked(query: dict[str, Any], photo_id: UUID, size: int) -> Response:
    """Show the picture that everybody may see: faces and number plates that were found are pixelated"""
    return _send(photo_id, size, query["sig"], Kind.MASKED)


@blp.get("/<uuid:before_id>/<uuid:after_id>/<name>.jpg")
@public
@blp.arguments(SignatureSchema, location="query")
@blp.response(200, _BINARY, content_type=Format.JPEG.media_type)
@blp.alt_response(404, description="No such picture, a wrong signature, or not to be seen (then with Retry-After)")
def show_pair(query: dict[str, Any], before_id: UUID, after_id: UUID, name: str) -> Response:
    """Show a picture of before or after a repair: both have the same frame, so that one can be laid over the other"""
    with Reading() as session:
        found = pairs.find_pair(session, service.current(), before_id, after_id, name, signature=query["sig"])
    return _answer([found], _ASK_AGAIN)


def _send(photo_id: UUID, size: int, signature: str, kind: Kind) -> Response:
    with Reading() as session:
        found = service.find_renditions(
            session, service.current(), photo_id, size, signature=signature, kind=kind, wanted=_wanted()
        )
    response = _answer(found, _IMMUTABLE if kind is Kind.PLAIN else _ASK_AGAIN)
    response.vary.add("Accept")
    return response


def _answer(renditions: list[Rendition], caching: str) -> Response:
    """Read a picture and send it; the database's connection is given back before the store is asked."""
    shown = service.read_first(service.current(), renditions)
    response = Response(shown.data, content_type=shown.kind.media_type)
    response.set_etag(shown.tag)
    response.headers["Cache-Control"] = caching
    response.headers["Content-Disposition"] = "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # A slow network gets the rest of a picture, not all of it again; the tag is strong, so parts fit together.
    response.make_conditional(request, accept_ranges=True, complete_length=len(shown.data))
    return response


def _wanted() -> Format:
    """Give WebP to who names it and likes it no less than JPEG (RFC 9110, 12.5.1), JPEG to everybody else.

    A wildcard is no word for WebP: programs that send one do not read every format.
    """
    asked, webp = request.accept_mimetypes, Format.WEBP.media_type
    named = any(name.lower() == webp for name, _ in asked)
    liked = asked.quality(webp) > 0 and asked.quality(webp) >= asked.quality(Format.JPEG.media_type)
    return Format.WEBP if named and liked else Format.JPEG
