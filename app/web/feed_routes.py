"""For programs: Atom feeds (RFC 4287) with GeoRSS by area and by item."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, current_app, g, render_template, request
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from app.api.clock import now
from app.api.guard import public
from app.catalogue.models import Item
from app.db import Reading
from app.geo.models import Area
from app.publicmap import lists
from app.publicmap.answers import LIVE
from app.web.words import name_of

blp = Blueprint("feeds", __name__)

ENTRIES = 50


@blp.get("/feeds/areas/<code>.atom")
@public
def area(code: str) -> Response:
    """Tell what happened lately in a street or district."""
    with Reading() as session:
        known = session.scalars(select(Area).where(Area.code == code, Area.until.is_(None))).one_or_none()
        lines = lists.list_recent(session, area=code, limit=ENTRIES, city=g.city, now=now())
    return _answer(known, lines)


@blp.get("/feeds/items/<code>.atom")
@public
def item(code: str) -> Response:
    """Tell what happened lately about an item."""
    with Reading() as session:
        known = session.scalars(select(Item).where(Item.code == code, Item.until.is_(None))).one_or_none()
        lines = lists.list_recent(session, item=code, limit=ENTRIES, city=g.city, now=now())
    return _answer(known, lines)


def _answer(about: Area | Item | None, lines: list[dict[str, Any]]) -> Response:
    if about is None:
        raise NotFound("There is no such area or item; /api/v1/public/areas and /api/v1/public/map list them.")
    moments = [_changed(line) for line in lines]
    updated = max(moments, default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    root = current_app.config["SETTINGS"].public_url
    shown = render_template(
        "feed.xml", about=name_of(about), entries=list(zip(lines, moments, strict=True)), updated=updated, root=root
    )
    response = Response(shown, mimetype="application/atom+xml")
    response.headers["Cache-Control"] = LIVE
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.last_modified = updated
    response.add_etag()
    response.make_conditional(request)
    return response


def _changed(line: dict[str, Any]) -> dt.datetime:
    moments: list[dt.datetime | None] = [line["opened"], line["fixed"], line["closed"]]
    return max(moment for moment in moments if moment)
