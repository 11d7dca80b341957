"""What crawlers may read, and what there is for them: robots.txt (RFC 9309) and sitemaps (sitemaps.org, 0.9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask import Blueprint, Response, current_app, render_template, url_for

from app.api.guard import public
from app.db import Reading
from app.publicmap import lists

blp = Blueprint("sitemaps", __name__)

PART = 50_000  # the most that the protocol lets a sitemap have
SECONDS = 3600
ROBOTS = "User-agent: *\n" + "".join(
    f"Disallow: {path}\n" for path in ("/api/", "/track/", "/confirm/", "/end/", "/tiles/", "/data/")
)
PAGES = (
    *("web.form", "web.map.show", "web.open_data.show", "web.problems"),
    *("web.texts.help_page", "web.texts.privacy", "web.texts.about"),
)


@blp.get("/robots.txt")
@public
def robots() -> Response:
    """Let crawlers read the map and its work orders, and nothing that belongs to somebody."""
    return Response(f"{ROBOTS}Sitemap: {_root()}{url_for('.index')}\n", mimetype="text/plain")


@blp.get("/sitemap.xml")
@public
def index() -> Response:
    """Name the sitemaps: one of the pages, and as many of work orders as their number needs."""
    with Reading() as session:
        parts = lists.list_parts(session, PART)
    paths = [url_for(".pages"), *(url_for(".work_orders", first=first) for first in parts)]
    # Ids are random: each part has something new every day, and a day of its last change would tell nothing.
    return _answer("sitemap_index.xml", [(path, None) for path in paths])


@blp.get("/sitemaps/pages.xml")
@public
def pages() -> Response:
    """Name the pages."""
    return _answer("sitemap.xml", [(url_for(name), None) for name in PAGES])


@blp.get("/sitemaps/work-orders-<first>.xml")
@public
def work_orders(first: str) -> Response:
    """Name the pages of work orders, from one on."""
    with Reading() as session:
        found = lists.list_part(session, first, PART)
    return _answer("sitemap.xml", [(f"/map/work-orders/{public_id}", day) for public_id, day in found])


def _answer(template: str, found: Sequence[tuple[str, date | None]]) -> Response:
    response = Response(render_template(template, root=_root(), found=found), mimetype="application/xml")
    response.headers["Cache-Control"] = f"public, max-age={SECONDS}"
    return response


def _root() -> str:
    return str(current_app.config["SETTINGS"].public_url)
