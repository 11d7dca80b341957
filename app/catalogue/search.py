"""Find items by words that residents use: names and keywords in Chinese and English.

The texts of a pack version are kept in the process: a few thousand short lines. Chinese has no spaces, so a word is
also compared by its pairs of characters.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.city import City, Language
from app.catalogue.models import Item

_WORD = re.compile(r"[\s,，、;；。.!！?？]+")
_KEPT = 4


@dataclass(frozen=True, slots=True)
class Line:
    """What an item is found by, in small letters."""

    code: str
    names: dict[Language, str]
    keywords: frozenset[str]
    pairs: frozenset[str]


_lines: dict[tuple[int, str], Sequence[Line]] = {}


def lines(session: Session, city: City) -> Sequence[Line]:
    """Give the searchable texts of the current items, in the order of the catalogue."""
    key = (city.version, city.digest)
    if key not in _lines:
        columns = (Item.code, Item.name_zh, Item.name_en, Item.keywords_zh, Item.keywords_en)
        rows = session.execute(select(*columns).where(Item.until.is_(None)).order_by(Item.position)).all()
        while len(_lines) >= _KEPT:
            _lines.pop(next(iter(_lines)), None)
        _lines[key] = [_line(*row) for row in rows]
    return _lines[key]


def ranked(found: Sequence[Line], words: str, language: Language) -> list[str]:
    """Give the codes of the lines that the words match, the best first; without words, all in their order."""
    wanted = _split(words)
    if not wanted:
        return [line.code for line in found]
    marks = [(sum(_mark(line, word, language) for word in wanted), -place) for place, line in enumerate(found)]
    return [found[-place].code for mark, place in sorted(marks, reverse=True) if mark > 0]


def _line(code: str, name_zh: str, name_en: str, keywords_zh: str, keywords_en: str) -> Line:
    names = {Language.ZH: name_zh.lower(), Language.EN: name_en.lower()}
    keywords = frozenset(_split(f"{keywords_zh} {keywords_en}"))
    pairs = frozenset(pair for text in (*names.values(), *keywords) for pair in _pairs(text))
    return Line(code, names, keywords, pairs)


def _mark(line: Line, word: str, language: Language) -> float:
    """Weigh one word: the name counts most, then keywords, then characters in common."""
    mark = sum((2.0 if spoken is language else 1.0) * _name_mark(name, word) for spoken, name in line.names.items())
    if word in line.keywords:
        mark += 8
    elif any(word in keyword or (len(keyword) > 1 and keyword in word) for keyword in line.keywords):
        mark += 4
    pairs = _pairs(word)
    return mark + (2 * len(pairs & line.pairs) / len(pairs) if pairs else 0)


def _name_mark(name: str, word: str) -> float:
    if name == word:
        return 10
    if name.startswith(word):
        return 6
    return 5 if word in name else 0


def _split(text: str) -> list[str]:
    return [word for word in _WORD.split(text.lower()) if word]


def _pairs(text: str) -> set[str]:
    """Give the pairs of neighbouring characters of Chinese text; Latin words are compared as words."""
    return {first + second for first, second in itertools.pairwise(text) if min(first, second) > "\u2e7f"}
