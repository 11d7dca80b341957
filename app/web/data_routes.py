"""The page of open data and its files: what there is, how to read it, under which licence, and the bytes."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from threading import BoundedSemaphore
from typing import Any, BinaryIO

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect
from werkzeug.wsgi import FileWrapper

from app.api.clock import now
from app.api.guard import public
from app.media import service as media
from app.opendata import service
from app.opendata.columns import GEOREPORT, OWN
from app.opendata.errors import NoSuchFile, TooManyDownloads
from app.opendata.shelf import INDEX, DataFile, Edition, Format, Shelf
from app.web.texts.columns import COLUMN_TEXTS

blp = Blueprint("open_data", __name__, url_prefix="/data")

# A file never changes under its name; yet it may be taken away, which is to be seen within the hour.
FILE_SECONDS, INDEX_SECONDS = 3600, 60
_CHUNK_BYTES = 1 << 18
# A slow client holds a thread of the server; the others are for residents.
AT_ONCE = 2
_turns = BoundedSemaphore(AT_ONCE)
_LATEST = {f"work-orders.{each}": each for each in Format}


@blp.after_request
def open_to_all(response: Response) -> Response:
    """Let pages of other addresses read the files, in parts too."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Range, If-Range, If-None-Match, If-Modified-Since"
    response.headers["Access-Control-Expose-Headers"] = "Accept-Ranges, Content-Length, Content-Range, ETag"
    return response


@blp.get("")
@public
def show() -> str:
    """Show what there is."""
    editions = _shelf().editions()
    root = current_app.config["SETTINGS"].public_url
    return render_template(
        "data.html",
        editions=editions,
        root=root,
        formats=tuple(Format),
        hour=f"{service.HOUR:02}:00",
        next_day=service.next_day(g.city, now(), editions),
        georeport=[(column.name, COLUMN_TEXTS[g.language][column.name]) for column in GEOREPORT],
        own=[(column.name, COLUMN_TEXTS[g.language][column.name]) for column in OWN],
        attribution=service.attribution(g.city),
        described=_describe(editions, root),
    )


@blp.get("/latest/<name>")
@public
def latest(name: str) -> Redirect:
    """Go to the newest file of a format."""
    if name not in _LATEST:
        raise NoSuchFile(f"The newest files are {', '.join(_LATEST)}.")
    response = redirect(url_for("web.open_data.file", name=_shelf().latest(_LATEST[name]).name))
    response.headers["Cache-Control"] = f"public, max-age={INDEX_SECONDS}"
    return response


@blp.get(f"/files/{INDEX}")
@public
def index() -> Response:
    """Name all files that there are, with sizes, rows and checksums, for programs."""
    content = _shelf().read_index()
    response = Response(content, mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={INDEX_SECONDS}"
    response.add_etag()
    response.make_conditional(request)
    return response


@blp.get("/files/<name>")
@public
def file(name: str) -> Response:
    """Send a file, or the part of it that is asked for (RFC 9110, section 14)."""
    shelf = _shelf()
    edition, found = shelf.find(name)
    # Who asks for a part that there is not is refused by an exception: the file is closed then too.
    with ExitStack() as ending:
        _take_turn(ending)
        stream = ending.enter_context(shelf.open(found))
        response = _part_of(stream, edition, found)
        response.call_on_close(ending.pop_all().close)
    return response


def _take_turn(ending: ExitStack) -> None:
    if not _turns.acquire(blocking=False):
        raise TooManyDownloads
    ending.callback(_turns.release)


def _part_of(stream: BinaryIO, edition: Edition, found: DataFile) -> Response:
    # Not passed through directly: the server would close the file, and not what waits for the response's end.
    response = Response(FileWrapper(stream, _CHUNK_BYTES), content_type=found.format.media_type)
    response.content_length = found.bytes
    response.set_etag(found.sha256)
    response.last_modified = edition.made_at
    response.headers["Cache-Control"] = f"public, max-age={FILE_SECONDS}"
    response.headers.set("Content-Disposition", "attachment", filename=found.name)
    response.make_conditional(request, accept_ranges=True, complete_length=found.bytes)
    return response


def _shelf() -> Shelf:
    return Shelf(media.current().store)


def _describe(editions: list[Edition], root: str) -> dict[str, Any]:
    """Describe the data for search engines and catalogues: https://schema.org/Dataset."""
    newest = editions[0] if editions else None
    known = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": f"{g.city.name(g.city.languages[0])}: work orders",
        "url": f"{root}{url_for('web.open_data.show')}",
        "isAccessibleForFree": True,
        "license": g.city.open_data.licence_url or g.city.open_data.licence,
        "creditText": service.attribution(g.city),
        "creator": {"@type": "GovernmentOrganization", "name": g.city.name(g.city.languages[0])},
        "dateModified": newest.made_at.astimezone(dt.UTC).isoformat() if newest else "",
        "distribution": [_distribution(each, root) for each in newest.files] if newest else [],
    }
    return {name: value for name, value in known.items() if value}


def _distribution(each: DataFile, root: str) -> dict[str, Any]:
    return {
        "@type": "DataDownload",
        "encodingFormat": each.format.media_type.partition(";")[0],
        "contentUrl": f"{root}{url_for('web.open_data.file', name=each.name)}",
        "contentSize": f"{each.bytes} B",
        "sha256": each.sha256,
    }
