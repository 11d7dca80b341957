"""Pages of the public map: the map with its list, and one work order as everybody may see it.

Without scripts the filters are a form and the list is written here; with them the same list follows the map.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, g, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.api.clock import now
from app.api.guard import public
from app.db import Reading
from app.errors import Problem, Unprocessable
from app.media import cards, pairs
from app.media import service as media
from app.publicmap import lists, views
from app.publicmap.errors import NotOnMap
from app.publicmap.filters import Wanted
from app.publicmap.grid import Period, Shown
from app.reports.service.pair import public_pair
from app.web import files
from app.web.error_pages import show_again_by, show_error
from app.web.map_asked import again, read_asked
from app.web.policy import allow_style
from app.web.texts import TEXTS
from app.web.words import credit, explain, say
from app.workorders.queries import find_work_order

blp = Blueprint("map", __name__, url_prefix="/map")

ENTRY = "src/main.ts"
# What the script says itself.
_SCRIPT_WORDS = (
    *("map_title", "map_in", "map_out", "map_here", "map_unreachable", "map_base_away"),
    *("map_credits", "position_denied", "position_asking"),
)


@blp.get("")
@public
def show() -> Response:
    """Show the map, the filters, the list, and in the panel the work order that ``w`` names."""
    show_again_by(_list_problem)
    asked, left_out = read_asked()
    wanted = Wanted.of(asked)
    chosen = request.args.get("w", "")
    with Reading() as session:
        lines, following = _lines(session, wanted, asked)
        shown = views.show_map(session, wanted, city=g.city, style_url=current_app.config["SETTINGS"].map_style_url)
        line = views.find_one(session, chosen, city=g.city, now=now()) if chosen.isalnum() else None
        streets = lists.filter_streets(session)
    page = render_template(
        "map.html",
        lines=lines,
        following=following,
        nearest=asked["near"] is not None,
        counts=shown["counts"],
        map=shown,
        line=line,
        left_out=left_out,
        gone=bool(chosen) and line is None,
        streets=streets,
        wanted=wanted,
        states=tuple(Shown),
        periods=tuple(Period),
        data=_page_data(shown),
        built=files.built(ENTRY),
        again=again,
    )
    response = Response(page, mimetype="text/html")
    allow_style(response)
    return response


@blp.get("/lines")
@public
def lines() -> Response:
    """Show the list of the map by itself, for the script that lets it follow the map and asks again."""
    show_again_by(_list_problem)
    asked, _ = read_asked()
    wanted = Wanted.of(asked)
    with Reading() as session:
        found, following = _lines(session, wanted, asked)
        counts = views.count_states(session, wanted)
    nearest = asked["near"] is not None
    return _piece("map_lines.html", lines=found, following=following, nearest=nearest, counts=counts, again=again)


def _piece(template: str, **told: Any) -> Response:
    """Write a part of a page with a tag: the script asks for it again and again."""
    response = Response(render_template(template, **told), mimetype="text/html")
    response.add_etag()
    return response.make_conditional(request)


def _page_data(shown: views.View) -> dict[str, Any]:
    return {
        "language": g.language,
        "texts": {key: TEXTS[g.language][key] for key in _SCRIPT_WORDS},
        "bounds": shown["bounds"],
        "style_url": shown["style_url"],
        "credit": credit(g.city.attribution),
    }


def _lines(session: Session, wanted: Wanted, asked: dict[str, Any]) -> tuple[list[views.View], str | None]:
    return lists.list_lines(session, wanted, lists.Page.of(asked), city=g.city, now=now())


@blp.get("/work-orders/<public_id>")
@public
def work_order(public_id: str) -> Response | str:
    """Show one work order: its steps, before and after, how to follow and share it; for the panel without a frame."""
    with Reading() as session:
        shown = views.show_one(session, public_id, city=g.city, now=now())
    if "panel" in request.args:
        return _piece("map_panel.html", line=shown)
    return render_template("map_work_order.html", line=shown, root=current_app.config["SETTINGS"].public_url)


@blp.get("/work-orders/<public_id>/card.jpg")
@public
def card(public_id: str) -> Response:
    """Show before and after in one picture, for previews of a shared link."""
    with Reading() as session:
        found = find_work_order(session, public_id)
        pair = public_pair(session, found) if found and not found.sensitive else None
        if pair is None:
            raise NotOnMap("Nobody may see pictures of before and after of this work order.")
        before, after = pairs.read_pair(session, media.current(), pair.before_id, pair.after_id, max(media.SIZES))
    response = Response(cards.compose(before, after), mimetype="image/jpeg")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _list_problem(problem: Problem) -> str:
    """Say in plain words that a page of the list is not there, and where the map is."""
    says = say("map_no_page") if isinstance(problem, Unprocessable) else explain(problem)
    return show_error(problem.status, says, then=url_for("web.map.show", lang=g.language))
