"""Texts: what is said of each event, in Chinese and English.

``templates/<kind>.<language>.txt`` has the subject on its first line; ``letter.html`` wraps the same words for mail
programs that show HTML.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.workorders.lifecycle import Outcome
from app.workorders.models import EventKind

LANGUAGES = ("zh", "en")
LONGEST_SUBJECT = 150
_LINES = ("city", "number", "item", "place", "unit", "reason", "change", "link")
_WEEKDAYS_ZH = "一二三四五六日"
# Marks that turn the direction of a line: with them a note could show a text that it does not hold.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a message may say. Everything but ``link`` and ``language`` may be empty; times are in the city's.

    ``reason`` is why the city declines it, ``change`` what would change that; ``note`` is what the staff says to
    residents; ``silent_days`` is after how many days silence closes a repair, empty where it does not. There is no
    field for a contact, a name or the words of another reporter, so that no template can tell them.
    """

    kind: EventKind
    language: str
    city: str
    number: str
    item: str
    place: str
    unit: str
    due: dt.datetime | None
    until: dt.datetime | None
    note: str
    reason: str
    change: str
    photos: bool
    outcome: Outcome | None
    silent_days: int | None
    link: str


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered message: ``subject`` is one line, ``text`` and ``html`` say the same."""

    subject: str
    text: str
    html: str


def language_of(wanted: str, city: Iterable[str] = ()) -> str:
    """Choose the language of a message: the one that was asked for, else the city's first, else English."""
    for tag in (wanted, *city):
        primary = re.split("[-_]", tag.strip().lower())[0]
        if primary in LANGUAGES:
            return primary
    return "en"


def name_of(names: Mapping[str, Any], language: str) -> str:
    """Give the name in a language, else the name in another one (a pack may lack a language)."""
    return said_in(names, "name", language)


def said_in(words: Mapping[str, Any], key: str, language: str) -> str:
    """Give what is said under ``key`` in a language, else in another one."""
    for each in (language, *LANGUAGES):
        text = words.get(f"{key}_{each}")
        if text:
            return one_line(str(text))
    return ""


def place_of(place: Mapping[str, Any], language: str) -> str:
    """Give street and district as the language writes them: 南山区粤海街道, or Yuehai, Nanshan."""
    street, district = (name_of(place.get(level) or {}, language) for level in ("street", "district"))
    if language == "zh":
        return district + street
    return ", ".join(part for part in (street, district) if part)


def local_time(moment: dt.datetime, language: str) -> str:
    """Write a moment as the language does; the moment brings its time zone."""
    if language == "zh":
        weekday = _WEEKDAYS_ZH[moment.weekday()]
        return f"{moment.year}年{moment.month}月{moment.day}日（周{weekday}）{moment:%H:%M}"
    return f"{moment:%A} {moment.day} {moment:%B %Y}, {moment:%H:%M}"


def one_line(value: str) -> str:
    """Fold a value to one line: control characters and runs of white space become one space."""
    return " ".join(clean(value).split())


def clean(value: str) -> str:
    """Drop what no honest text needs: control characters but the line break, and marks that turn the direction."""
    plain = re.sub(r"\r\n?|[\x85\u2028\u2029]", "\n", value)
    plain = _TURNING.sub("", plain)
    return "".join(sign if sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cs"} else " " for sign in plain)


def render(facts: Facts) -> Text:
    """Write the message of an event."""
    words: dict[str, Any] = {name: one_line(getattr(facts, name)) for name in _LINES}
    words |= {name: words[name].rstrip(".。") for name in ("reason", "change")}
    words["note"] = clean(facts.note).strip()
    for name in ("due", "until"):
        at: dt.datetime | None = getattr(facts, name)
        words[name] = local_time(at, facts.language) if at else ""
    words["photos"], words["silent_days"] = facts.photos, facts.silent_days
    words["fixed"] = facts.outcome is Outcome.FIXED
    plain = _environment().get_template(f"{facts.kind}.{facts.language}.txt").render(words)
    subject, _, body = plain.strip().partition("\n")
    text = re.sub(r"\n{3,}", "\n\n", body.strip()) + "\n"
    paragraphs = [paragraph.split("\n") for paragraph in text.strip().split("\n\n")]
    html = (
        _environment()
        .get_template("letter.html")
        .render(language=facts.language, subject=subject, paragraphs=paragraphs, link=words["link"])
    )
    return Text(_cut(subject, LONGEST_SUBJECT), text, html)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
