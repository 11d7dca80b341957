"""How the pages speak: language of a request, names, places, moments."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import g, request
from markupsafe import Markup, escape

from app.api.clock import now
from app.api.fields import primary_language
from app.catalogue.city import City
from app.errors import Problem, Unprocessable
from app.logs import request_id
from app.web.texts import PAGES, PROBLEMS, TEXTS
from app.workorders.states import State

# https://osmfoundation.org/wiki/Licence/Attribution_Guidelines
_TERMS = {"OpenStreetMap": "https://www.openstreetmap.org/copyright"}
_DAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# What the script of the form says; it gets them from the page, so that there is one list of texts.
SCRIPT_WORDS = (
    "position_set",
    "position_denied",
    "position_insecure",
    "position_asking",
    "sending",
    "offline",
    "photo_remove",
    "photos_most",
    "items_found",
    "items_nothing",
    "reported_by",
    "same_yes",
    *(f"state_{state.value}" for state in State),
)


def guess_language() -> str:
    """Give the language of a request before the city is known and its form read: ``lang`` of the URL, the browser's."""
    asked = primary_language(request.args.get("lang", ""))
    return asked if asked in TEXTS else request.accept_languages.best_match(list(TEXTS)) or next(iter(TEXTS))


def choose_language(city: City) -> str:
    """Give the language of a request: ``lang`` of the URL or form, else what the browser likes best of the city's."""
    languages = [language.value for language in city.languages]
    asked = primary_language(request.values.get("lang", ""))
    return asked if asked in TEXTS else request.accept_languages.best_match(languages) or languages[0]


def say(key: str, **values: Any) -> str:
    """Give a text in the language of the request."""
    return TEXTS[g.language][key].format(**values)


def title_of(page: str) -> str:
    """Give the title of a page that only tells something."""
    return PAGES[g.language][page].title


def name_of(thing: Any, key: str = "name") -> str:
    """Give the name of a unit, area or item in the language of the request, or in the other where it has none.

    ``key`` asks for something else that stands in both languages.
    """
    if thing is None:
        return ""
    read = thing.get if isinstance(thing, dict) else lambda name: getattr(thing, name)
    names = (read(f"{key}_zh"), read(f"{key}_en"))
    first, second = names if g.language == "zh" else reversed(names)
    return str(first or second)


def script_words() -> dict[str, str]:
    """Give the texts that the script of the form fills in itself."""
    return {key: TEXTS[g.language][key] for key in SCRIPT_WORDS}


def explain(problem: Problem) -> str:
    """Give what a problem says to a resident; one without a text of its own speaks as it does to programs."""
    text = PROBLEMS[g.language].get(problem.slug())
    return text.format(**problem.members) if text else problem.detail or problem.title


def faults_of(problem: Problem) -> dict[str, str]:
    """Give what is said beside each field that a problem points at, by field."""
    named = [error["pointer"].lstrip("/").split("/")[0] for error in problem.members.get("errors", [])]
    plain = problem.slug() == Unprocessable.slug()
    return {name: TEXTS[g.language].get(f"fault_{name}", "") if plain else explain(problem) for name in named}


def unforeseen() -> str:
    """Give what is said where nobody knows what went wrong, with the request's name in our logs."""
    return say("unforeseen", id=request_id.get())


def place_of(place: dict[str, Any]) -> str:
    """Give district and street as one text."""
    street, district = name_of(place["street"]), name_of(place["district"])
    return f"{district}{street}" if g.language == "zh" else ", ".join(part for part in (street, district) if part)


def local(url: str) -> str:
    """Give path and query of one of our own URLs: the page may be open under another host than the public one."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def in_language(language: str) -> str:
    """Give the address of this page in another language, with all else that its query says."""
    named = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return f"?{urlencode([*named, ('lang', language)])}"


def credit(attribution: str) -> Markup:
    """Give whose data it is, with a link to the terms of those that ask for one."""
    written = str(escape(attribution))
    for name, terms in _TERMS.items():
        written = written.replace(name, f'<a href="{terms}" rel="noreferrer">{name}</a>')
    return Markup(written)  # noqa: S704  # escaped above


def moment(at: dt.datetime | str | None) -> str:
    """Give a moment in the city's own time, with its year where that is another one; history writes ISO 8601."""
    if not at:
        return ""
    local = (dt.datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(g.city.timezone)
    day = _DAYS[g.language][local.weekday()]
    past = local.year != now().astimezone(g.city.timezone).year
    if g.language == "zh":
        return f"{f'{local.year}年' if past else ''}{local.month}月{local.day}日（周{day}）{local:%H:%M}"
    return f"{day} {local.day} {_MONTHS[local.month - 1]}{f' {local.year}' if past else ''}, {local:%H:%M}"
