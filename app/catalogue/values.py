"""The values of city.toml: what they are, and how each is read. A reader says by ValueError what is wrong."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from app.catalogue.models import TimeUnit

CALENDARS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Duration:
    """A limit: how many of which unit of time."""

    amount: int
    unit: TimeUnit


@dataclass(frozen=True, slots=True)
class DeclineReason:
    """Why a city does not take a thing on (不予受理), and what would change that, in words for residents."""

    code: str
    name_zh: str
    name_en: str
    change_zh: str
    change_en: str


@lru_cache(maxsize=CALENDARS_KEPT)
def holiday_calendar(name: str) -> Callable[[dt.date], bool]:
    """Give the test for working days of a country (``CN``) or of a part of it (``US-MA``).

    The holidays library knows China's adjusted days (调休). Raises ValueError for a name that it does not know.
    """
    country, _, part = name.partition("-")
    try:
        days = holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError as fault:
        raise ValueError(f"{name!r} is no calendar: {fault}") from fault
    return lru_cache(maxsize=4096)(lambda day: bool(days.is_working_day(day)))


@dataclass(frozen=True, slots=True)
class Key:
    """A key of city.toml: how it is read (ValueError says why not), and its value where it is left out."""

    read: Callable[[Any], Any]
    default: Any = None


def text(value: Any) -> str:
    """Read a text, trimmed."""
    if not isinstance(value, str):
        raise ValueError("it must be a text")  # noqa: TRY004  # one kind of fault for all readers
    if "\0" in value:
        raise ValueError("it holds a NUL")
    return value.strip()


def web_address(value: Any) -> str:
    """Read an address of the web, or nothing; pages link to it."""
    address = text(value)
    if address and not re.fullmatch(r"https?://[^\s\"<>]+", address):
        raise ValueError("it must begin with https:// or http://")
    return address


def code(value: Any) -> str:
    """Read a code: something, without spaces."""
    word = text(value)
    if not word or re.search(r"\s", word):
        raise ValueError("it must be a code without spaces")
    return word


def prefix(value: Any) -> str:
    """Read the start of report numbers."""
    word = text(value)
    if not re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", word):
        raise ValueError("it must be 1 to 8 capital letters and digits")
    return word


def zone(value: Any) -> ZoneInfo:
    """Read a name of the IANA time zone database."""
    try:
        return ZoneInfo(code(value))
    except (KeyError, ValueError, OSError) as fault:
        raise ValueError(f"{value!r} is no time zone of the IANA database") from fault


def calendar(value: Any) -> str:
    """Read the name of a calendar of holidays."""
    holiday_calendar(code(value))
    return str(value)


def hours(value: Any) -> tuple[tuple[dt.time, dt.time], ...]:
    """Read the working hours: spans in their order."""
    if not isinstance(value, list) or not value:
        raise ValueError('it must be a list like ["09:00-12:00", "14:00-18:00"]')
    spans = [_span(text) for text in value]
    moments = [moment for span in spans for moment in span]
    if any(first >= second for first, second in spans) or moments != sorted(moments):
        raise ValueError("each span must end after it starts, and the next start after that")
    return tuple(spans)


def _span(value: Any) -> tuple[dt.time, dt.time]:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text(value)):
        raise ValueError(f"{value!r} is no span of time like 09:00-12:00")
    start, _, end = value.strip().partition("-")
    return dt.time.fromisoformat(start), dt.time.fromisoformat(end)


def quiet(value: Any) -> tuple[dt.time, dt.time] | None:
    """Read hours of quiet, over midnight too; an empty text is none."""
    if text(value) == "":
        return None
    start, end = _span(value)
    if start == end:
        raise ValueError("it must end at another time than it starts")
    return start, end


def time_of_day(value: Any) -> dt.time:
    """Read a time of day like 08:00."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text(value)):
        raise ValueError(f"{value!r} is no time of day like 08:00")
    return dt.time.fromisoformat(text(value))


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("it must be true or false")  # noqa: TRY004  # one kind of fault for all readers
    return value


def one_of(*choices: str) -> Callable[[Any], str]:
    """Make the reader of one of some words."""

    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


def several(members: type[StrEnum]) -> Callable[[Any], tuple[StrEnum, ...]]:
    """Make the reader of a list of words."""
    one = one_of(*members)

    def read(value: Any) -> tuple[StrEnum, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError(f"it must be a list of {', '.join(members)}")
        return tuple(dict.fromkeys(members(one(text)) for text in value))

    return read


def number(most: float, *, whole: bool = False) -> Callable[[Any], Any]:
    """Make the reader of a number from 0 to ``most``."""
    kind: Any = int if whole else int | float

    def read(value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value <= most:
            raise ValueError(f"it must be a {'whole ' if whole else ''}number from 0 to {most:g}")
        return value if whole else float(value)

    return read


def read_duration(value: Any) -> Duration:
    """Read a limit like ``3 working_days``. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d{1,4}) +([a-z_]+)", text(value))
    if not found or found[2] not in list(TimeUnit):
        raise ValueError(f"it must be a number and one of {', '.join(TimeUnit)}, like '3 working_days'")
    return Duration(int(found[1]), TimeUnit(found[2]))


def words(value: Any) -> tuple[str, ...]:
    """Read a list of words, for a comparison without case."""
    if not isinstance(value, list | tuple):
        raise ValueError('it must be a list of words like ["漏电", "gas leak"]')  # noqa: TRY004  # one kind of fault
    words = tuple(text(word).casefold() for word in value)
    if not all(words):
        raise ValueError("it holds an empty word, which every text contains")
    return words


_REASON = ("code", "name_zh", "name_en", "change_zh", "change_en")


def reasons(value: Any) -> tuple[DeclineReason, ...]:
    """Read the tables of reasons to decline."""
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise ValueError("it must be tables: [[decline_reasons]]")
    reasons = tuple(DeclineReason(**{name: text(each.get(name, "")) for name in _REASON}) for each in value)
    codes = [code(reason.code) for reason in reasons]
    if len(set(codes)) < len(codes):
        raise ValueError("a code is there twice")
    if not all((reason.name_zh or reason.name_en) and (reason.change_zh or reason.change_en) for reason in reasons):
        raise ValueError("each reason needs a name and what would change it (change_zh, change_en)")
    return reasons


# What a city that says nothing declines for, in the words of Shenzhen's list of what is not taken on.
USUAL_REASONS = [
    {
        "code": "private_matter",
        "name_zh": "属于民事纠纷，不在政府职责范围内",
        "name_en": "It is a private matter between people or companies",
        "change_zh": "可向人民调解委员会或人民法院提出；如涉及公共安全，请补充说明",
        "change_en": "A mediator or a court can help; tell us if public safety is at risk",
    },
    {
        "code": "in_court",
        "name_zh": "已进入诉讼、仲裁或行政复议程序",
        "name_en": "It is before a court, an arbiter or a review",
        "change_zh": "程序终结后仍未解决的，可再次反映",
        "change_en": "Report it again if it stands when that is over",
    },
    {
        "code": "not_found",
        "name_zh": "现场核实未发现所述问题",
        "name_en": "Nothing of the kind was found at the place",
        "change_zh": "请补充照片或更准确的位置",
        "change_en": "A photo or a more exact position would change this",
    },
    {
        "code": "cannot_now",
        "name_zh": "暂不具备解决条件（规划、产权或资金）",
        "name_en": "It cannot be done for now: planning, ownership or money",
        "change_zh": "条件具备后将重新受理",
        "change_en": "It is taken up again once that changes",
    },
    {
        "code": "unclear",
        "name_zh": "内容不清，无法办理",
        "name_en": "It cannot be understood well enough to act",
        "change_zh": "请说明具体问题和位置后重新提交",
        "change_en": "Send it again and say what is wrong and where",
    },
]
