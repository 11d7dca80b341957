"""Who asks: the city that is loaded and the language of the request, for every template."""

from __future__ import annotations

from flask import g

from app.catalogue.city import current_city
from app.db import Reading
from app.web import words


def begin_visit() -> None:
    """Find the language of the request and the city. Raises NoCity, database errors."""
    g.city, g.language = None, words.guess_language()
    with Reading() as session:
        g.city = current_city(session)
    g.language = words.choose_language(g.city)
