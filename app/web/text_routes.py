"""Pages that only tell something: help, privacy, about."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, current_app, g, render_template

from app.api.guard import public
from app.web.texts import PAGES
from app.web.words import name_of

blp = Blueprint("texts", __name__)


@blp.get("/help")
@public
def help_page() -> str:
    """Say how to report something, and what happens then."""
    return _show("help")


@blp.get("/privacy")
@public
def privacy() -> str:
    """Say what is kept, who sees it, and for how long."""
    return _show("privacy")


@blp.get("/about")
@public
def about() -> str:
    """Say what the service is."""
    return _show("about")


def _show(name: str) -> str:
    settings = current_app.config["SETTINGS"]
    values = {
        "city": name_of(g.city),
        "attribution": g.city.attribution,
        "silent_days": g.city.limits.silent_days_to_close,
        "rating_days": g.city.limits.rating_days,
        "contact_days": settings.contact_days,
        "map_host": urlsplit(settings.map_style_url).netloc,
    }
    return render_template("text.html", page=PAGES[g.language][name], values=values)
