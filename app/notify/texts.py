"""Texts: what is said of each event, in Chinese and English.

``templates/<kind>.<language>.txt`` has the subject on its first line; ``letter.html`` wraps the same words for mail
programs that show HTML.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.workorders.models import EventKind
from app.workorders.states import Outcome

LANGUAGES = ("zh", "en")
LONGEST_SUBJECT = 150
# Three joined short messages of 67 Chinese characters (3GPP TS 23.040) hold this and a link.
LONGEST_SHORT = 120
LONGEST_NAME = 30
LONGEST_NOTE = 40
_LINES = ("city", "number", "item", "place", "unit", "reason", "change", "link", "end_url")
_WEEKDAYS_ZH = "一二三四五六日"
# Marks that turn the direction of a line: with them a note could show a text that it does not hold.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Matter(Protocol):
    """What a message is about. ``name`` is that of its templates; ``link`` is where it can be followed."""

    @property
    def name(self) -> str:
        """Give the name of its templates."""
        ...

    @property
    def language(self) -> str:
        """Give its language."""
        ...

    @property
    def link(self) -> str:
        """Give where it can be followed."""
        ...

    @property
    def end_url(self) -> str:
        """Give where one tap ends it; empty where there is nothing to end."""
        ...

    @property
    def urgent(self) -> bool:
        """Tell whether it is told at night too."""
        ...

    def words(self) -> dict[str, Any]:
        """Give what the templates may say, each cleaned for a letter."""
        ...

    def data(self) -> dict[str, str]:
        """Give what the template of a receiver may say, each on one line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the message of a step may say.

    Everything but ``link`` and ``language`` may be empty; times are in the city's. ``reason`` is why the city declines
    it, ``change`` what would change that; ``note`` is what the staff says to residents; ``silent_days`` is after how
    many days silence closes a repair, empty where it does not; ``number`` is empty for a follower. There is no field
    for a contact, a name or the words of another reporter, so that no template can tell them.
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
    end_url: str
    urgent: bool = False

    @property
    def name(self) -> str:
        """Give the name of its templates."""
        return self.kind.value

    def words(self) -> dict[str, Any]:
        """Give what the templates may say."""
        words: dict[str, Any] = {name: one_line(getattr(self, name)) for name in _LINES}
        words |= {name: words[name].rstrip(".。") for name in ("reason", "change")}
        words["note"] = clean(self.note).strip()
        for name in ("due", "until"):
            at: dt.datetime | None = getattr(self, name)
            words[name] = local_time(at, self.language) if at else ""
        words["photos"], words["silent_days"] = self.photos, self.silent_days
        words["fixed"] = self.outcome is Outcome.FIXED
        return words

    def data(self) -> dict[str, str]:
        """Give what the template of a receiver may say."""
        said = {name: one_line(getattr(self, name)) for name in ("number", "item", "place", "unit")}
        return said | {name: at.isoformat() for name in ("due", "until") if (at := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whose address is it? ``link`` says that it is theirs, and so does the code."""

    language: str
    city: str
    code: str
    link: str
    name: str = "question"
    end_url: str = ""
    urgent: bool = True

    def words(self) -> dict[str, Any]:
        """Give what the templates may say."""
        said = {"city": one_line(self.city), "code": self.code, "link": self.link, "end_url": ""}
        return {"number": "", "item": "", "note": ""} | said

    def data(self) -> dict[str, str]:
        """Give what the template of a receiver may say."""
        return {"code": self.code}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What happened about a topic in a time: lines of what is new and what was fixed, and how many there are in all.

    ``dropped`` is the name that the topic had before the city's lists dropped it, empty where they did not; ``moved``
    says that ``topic`` took its place.
    """

    language: str
    city: str
    topic: str
    since: dt.datetime
    until: dt.datetime
    opened: int
    fixed: int
    opened_lines: Sequence[str]
    fixed_lines: Sequence[str]
    link: str
    end_url: str
    dropped: str = ""
    moved: bool = False
    name: str = "letter"
    urgent: bool = False

    def words(self) -> dict[str, Any]:
        """Give what the templates may say."""
        return {
            "number": "",
            "item": "",
            "note": "",
            "city": one_line(self.city),
            "topic": one_line(self.topic),
            "since": local_time(self.since, self.language),
            "until": local_time(self.until, self.language),
            "opened": self.opened,
            "fixed": self.fixed,
            "opened_lines": [one_line(line) for line in self.opened_lines],
            "fixed_lines": [one_line(line) for line in self.fixed_lines],
            "dropped": one_line(self.dropped),
            "moved": self.moved,
            "link": self.link,
            "end_url": self.end_url,
        }

    def data(self) -> dict[str, str]:
        """Give what the template of a receiver may say."""
        return {"topic": one_line(self.topic), "opened": str(self.opened), "fixed": str(self.fixed)}


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered message: ``subject`` is one line, ``text`` and ``html`` say the same, ``short`` in one short line."""

    subject: str
    text: str
    html: str
    short: str


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


def render(matter: Matter) -> Text:
    """Write a message."""
    words = matter.words()
    plain = _environment().get_template(f"{matter.name}.{matter.language}.txt").render(words)
    subject, _, body = plain.strip().partition("\n")
    text = re.sub(r"\n{3,}", "\n\n", body.strip()) + "\n"
    paragraphs = [paragraph.split("\n") for paragraph in text.strip().split("\n\n")]
    html = (
        _environment()
        .get_template("letter.html")
        .render(
            language=matter.language, subject=subject, paragraphs=paragraphs, links={words["link"], words["end_url"]}
        )
    )
    return Text(_cut(subject, LONGEST_SUBJECT), text, html, _shorten(matter, words))


def _shorten(matter: Matter, words: Mapping[str, Any]) -> str:
    """Say it in a line for a small screen; long words of the pack and of staff are cut, not what happened."""
    limits = {"item": LONGEST_NAME, "unit": LONGEST_NAME, "note": LONGEST_NOTE, "reason": LONGEST_NOTE}
    cut = {name: _cut(one_line(words[name]), most) for name, most in limits.items() if name in words}
    template = _environment().get_template(f"short.{matter.language}.txt")
    # A template that has no line for the kind would say nothing: a test renders them all.
    said = template.render({"unit": "", "due": "", "reason": ""} | dict(words) | cut | {"kind": matter.name})
    return _cut(one_line(said), LONGEST_SHORT)


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
