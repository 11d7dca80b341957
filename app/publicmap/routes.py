"""HTTP of the public map: tiles, lists, one work order, areas, the page's data; staff about words."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, redirect, request
from werkzeug.wrappers import Response as Redirect

from app.accounts.groups import DESK
from app.api.blueprint import Blueprint
from app.api.clock import now
from app.api.guard import current_person, public, staff_only
from app.api.pages import BY_TIME, PageIn, page, read_cursor
from app.catalogue.city import current_city
from app.db import Reading, Session
from app.publicmap import lists, moderation, schemas, tiles, views, waiting
from app.publicmap.answers import CSV, FIGURES, GEOJSON, JSON, LIVE, TILE, as_csv, as_geojson, packed, tag_of
from app.publicmap.filters import Wanted
from app.publicmap.grid import Period, Tile

blp = Blueprint("publicmap", __name__, description="The public map: everybody may read it, from any page")

_SMALL = 500


@blp.after_request
def open_to_all(response: Response) -> Response:
    """Let pages of other addresses read what everybody may read."""
    if "/public/" in request.path or request.path.startswith("/tiles/"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "ETag"
    return response


@blp.get("/tiles/<int:z>/<int:x>/<int:y>.mvt")
@public
@blp.arguments(schemas.FiltersIn, location="query")
@blp.response(200, content_type=TILE)
@blp.alt_response(304, description="The tile is the one that you have")
def tile(filters: dict[str, Any], z: int, x: int, y: int) -> Response:
    """Draw a tile of the map

    Layers: `cells` (counts, up to zoom 13, or 15 where there are many), `work_orders` above, `areas`, `assets`.
    """
    with Reading() as session:
        drawn = tiles.draw(session, Tile(z, x, y), Wanted.of(filters), city=current_city(session))
    return _answer(drawn, TILE, cache=LIVE)


@blp.get("/api/v1/public/work-orders")
@public
@blp.arguments(schemas.LinesIn, location="query")
@blp.response(200, schemas.PublicLinesOut)
def work_orders(asked: dict[str, Any]) -> Response:
    """List work orders, the newest first, or with `near` the nearest

    JSON, or by the header Accept `application/geo+json` or `text/csv`.
    """
    with Reading() as session:
        city = current_city(session)
        found, following = lists.list_lines(session, Wanted.of(asked), lists.Page.of(asked), city=city, now=now())
    lines = schemas.PublicLineOut(many=True).dump(found)
    kind = request.accept_mimetypes.best_match([JSON, GEOJSON, CSV], JSON)
    written = {
        GEOJSON: lambda: as_geojson(lines, following, city.attribution),
        CSV: lambda: as_csv(lines),
        JSON: lambda: _as_json({"items": lines, "next": following}),
    }
    response = _answer(written[kind](), kind, cache=LIVE)
    response.vary.add("Accept")
    if following:
        response.headers["Link"] = f'<{_next_address(following)}>; rel="next"'
    return response


@blp.get("/api/v1/public/work-orders/<public_id>")
@public
@blp.response(200, schemas.PublicWorkOrderOut)
def work_order(public_id: str) -> Response:
    """Show a work order with its public history and the pictures of before and after"""
    with Reading() as session:
        shown = views.show_one(session, public_id, city=current_city(session), now=now())
    return _dumped(schemas.PublicWorkOrderOut(), shown, cache=LIVE)


@blp.get("/api/v1/public/work-orders/<public_id>/thumbnail")
@public
@blp.response(302)
def thumbnail(public_id: str) -> Redirect:
    """Go to the small picture of a work order, where everybody may see one"""
    with Reading() as session:
        response = redirect(views.thumbnail_url(session, public_id))
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


@blp.get("/api/v1/public/areas")
@public
@blp.arguments(schemas.FiguresIn, location="query")
@blp.response(200, schemas.PublicAreasOut)
def areas(asked: dict[str, Any]) -> Response:
    """List streets and districts: what is open, what was fixed in the period, the median days of that"""
    with Reading() as session:
        city = current_city(session)
        shown = views.show_areas(session, Wanted(period=asked["period"]), city=city)
    return _dumped(schemas.PublicAreasOut(), {"areas": shown, "attribution": city.attribution}, cache=FIGURES)


@blp.get("/api/v1/public/map")
@public
@blp.response(200, schemas.MapOut)
def page_data() -> Response:
    """Give what a page with a map needs to begin"""
    style_url = current_app.config["SETTINGS"].map_style_url
    with Reading() as session:
        shown = views.show_map(session, Wanted(period=Period.QUARTER), city=current_city(session), style_url=style_url)
    return _dumped(schemas.MapOut(), shown, cache=LIVE)


@blp.get("/api/v1/descriptions")
@staff_only(roles=DESK)
@blp.arguments(PageIn, location="query")
@blp.response(200, schemas.WaitingWordsPageOut)
def waiting_words(wanted: dict[str, Any]) -> dict[str, Any]:
    """List words of residents that wait to be released or hidden, oldest first

    The filter stopped them, and nobody decided. Decide by `POST /api/v1/work-orders/{id}/description`.
    """
    after, limit = read_cursor(wanted["cursor"], *BY_TIME), wanted["limit"]
    with Reading() as session:
        scope = {"by": current_person(), "city": current_city(session)}
        found = waiting.list_waiting(session, **scope, limit=limit + 1, after=after)
    shown, following = page(found, limit, lambda each: (each.report.filed_at.isoformat(), each.id))
    return {"descriptions": shown, "next": following}


@blp.get("/api/v1/work-orders/<public_id>/description")
@staff_only(roles=DESK)
@blp.response(200, schemas.WordsOut)
def words(public_id: str) -> dict[str, Any]:
    """Show the words of a work order, and whether everybody reads them"""
    with Reading() as session:
        return moderation.show_words(session, public_id, by=current_person())


@blp.post("/api/v1/work-orders/<public_id>/description")
@staff_only(roles=DESK)
@blp.arguments(schemas.WordsIn)
@blp.response(200, schemas.WordsOut)
def decide_words(new: dict[str, Any], public_id: str) -> dict[str, Any]:
    """Release the words of a work order to everybody, or hide them"""
    with Session.begin() as session:
        return moderation.decide_words(session, public_id, new["verdict"], by=current_person(), now=now())


def _next_address(following: str) -> str:
    named = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{request.path}?{urlencode([*named, ('cursor', following)])}"


def _as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _dumped(schema: Any, shown: Any, *, cache: str) -> Response:
    return _answer(_as_json(schema.dump(shown)), JSON, cache=cache)


def _answer(content: bytes, kind: str, *, cache: str) -> Response:
    """Answer with content and its tag, packed where the client takes that; 304 where it has it."""
    tag = tag_of(content)
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    elif len(content) > _SMALL and request.accept_encodings["gzip"]:
        response = Response(packed(content), content_type=kind, headers={"Content-Encoding": "gzip"})
    else:
        response = Response(content, content_type=kind)
    # Weak: packed and plain are different bytes that say the same.
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = cache
    response.vary.add("Accept-Encoding")
    return response
