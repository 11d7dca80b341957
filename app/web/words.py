"""How the pages speak: language of a request, names, places, moments."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

from flask import g, request

from app.catalogue.city import City
from app.errors import Problem
from app.web.texts import PROBLEMS_ZH, TEXTS

_DAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def choose_language(city: City | None) -> str:
    """Give the language of a request: ``lang`` of the URL or form, else what the browser likes best of the city's."""
    languages = [language.value for language in city.languages] if city else list(TEXTS)
    asked = request.values.get("lang", "")
    return asked if asked in TEXTS else request.accept_languages.best_match(languages) or languages[0]


def say(key: str, **values: Any) -> str:
    """Give a text in the language of the request."""
    return TEXTS[g.language][key].format(**values)


def name_of(thing: Any) -> str:
    """Give the name of a unit, area or item in the language of the request, or in the other where it has none."""
    if thing is None:
        return ""
    read = thing.get if isinstance(thing, dict) else lambda key: getattr(thing, key)
    names = (read("name_zh"), read("name_en"))
    first, second = names if g.language == "zh" else reversed(names)
    return str(first or second)


def explain(problem: Problem) -> str:
    """Give what a problem says to a resident, in the language of the request where there is a text for it."""
    text = PROBLEMS_ZH.get(problem.slug()) if g.language == "zh" else None
    return text.format(**problem.members) if text else problem.detail or problem.title


def place_of(place: dict[str, Any]) -> str:
    """Give district and street as one text."""
    street, district = name_of(place["street"]), name_of(place["district"])
    return f"{district}{street}" if g.language == "zh" else ", ".join(part for part in (street, district) if part)


def local(url: str) -> str:
    """Give path and query of one of our own URLs: the page may be open under another host than the public one."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def moment(at: dt.datetime | None) -> str:
    """Give a moment in the city's own time."""
    if at is None:
        return ""
    local = at.astimezone(g.city.timezone)
    day = _DAYS[g.language][local.weekday()]
    if g.language == "zh":
        return f"{local.month}月{local.day}日（周{day}）{local:%H:%M}"
    return f"{day} {local.day} {_MONTHS[local.month - 1]}, {local:%H:%M}"
