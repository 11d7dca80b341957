"""The city: what city.toml of the current pack version says, typed.

``KEYS`` and ``LIMITS`` are the one list of what city.toml may hold; the check of a pack reads it too.
docs/city-packs.md explains every key (a test compares).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.errors import NoCity
from app.catalogue.models import PackVersion, TimeUnit
from app.geo.models import Level

SURVEYED, APPROXIMATE = "surveyed", "approximate"
CITIES_KEPT = 8
SESSION_KEY = "city"

# The role that hears of breached clocks and of what nobody takes. DESIGN: the life of a work order.
DISPATCH_CENTRE = "dispatch_centre"


class Language(StrEnum):
    """A language that the product speaks."""

    ZH = "zh"
    EN = "en"


class Channel(StrEnum):
    """How a report comes in."""

    WEB = "web"
    HOTLINE = "hotline"
    WECHAT = "wechat"
    OPEN311 = "open311"
    PATROL = "patrol"
    COUNTER = "counter"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The table ``[limits]`` of city.toml; the unit is in the name."""

    dispatch_share: float
    dispatch_urgent_minutes: int
    sign_for_minutes: int
    sign_for_urgent_minutes: int
    handling_urgent: Duration
    escalation: Duration
    escalation_urgent: Duration
    adjudication: Duration
    rework: Duration
    supervision_answer: Duration
    silent_days_to_close: int
    rating_days: int
    call_back_share: float
    call_back_share_poor: float
    asset_match_m: float
    joining_accuracy_cap_m: float
    duplicate_candidates_m: float
    duplicate_candidates_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A city as one version of its pack describes it. ``calendar`` overrides the holidays day by day."""

    version: int
    digest: str
    code: str
    name_zh: str
    name_en: str
    timezone: ZoneInfo
    working_calendar: str
    working_hours: tuple[tuple[dt.time, dt.time], ...]
    languages: tuple[Language, ...]
    datum_required: bool
    report_prefix: str
    fallback_role: str
    fallback_item: str
    city_level: Level
    channels: tuple[Channel, ...]
    nearest_street_limit_m: float
    attribution: str
    approximate: bool
    limits: Limits
    urgent_words: tuple[str, ...] = ()
    decline_reasons: tuple[DeclineReason, ...] = ()
    calendar: Mapping[dt.date, bool] = field(default_factory=dict, hash=False)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], version: int, digest: str) -> City:
        """Read a city from the settings of a pack version; they were checked before they were stored."""
        values = {name: key.read(settings.get(name, key.default)) for name, key in KEYS.items()}
        limits = {name: key.read(settings["limits"].get(name, key.default)) for name, key in LIMITS.items()}
        days = {dt.date.fromisoformat(day): working for day, working in settings.get("calendar", {}).items()}
        approximate = values.pop("boundaries") == APPROXIMATE
        own = {"version": version, "digest": digest, "approximate": approximate}
        return cls(**values, **own, limits=Limits(**limits), calendar=days)

    def name(self, language: Language) -> str:
        """Give the name in a language, or in the other one where it has none."""
        names = (self.name_zh, self.name_en) if language is Language.ZH else (self.name_en, self.name_zh)
        return names[0] or names[1]

    def decline_reason(self, code: str) -> DeclineReason | None:
        """Give the reason of a code to decline, None where the pack has none."""
        return next((reason for reason in self.decline_reasons if reason.code == code), None)

    def is_working_day(self, day: dt.date) -> bool:
        """Tell whether a day is a working day: the pack's word, else the calendar's."""
        return self.calendar[day] if day in self.calendar else holiday_calendar(self.working_calendar)(day)


def current_city(session: Session) -> City:
    """Give the city of the current pack version. Raises NoCity when nothing is loaded.

    One small query a session asks for the version; settings are read when it is new to this process.
    """
    known: City | None = session.info.get(SESSION_KEY)
    if known is None:
        known = session.info[SESSION_KEY] = _read_city(session)
    return known


def _read_city(session: Session) -> City:
    newest = select(PackVersion.number, PackVersion.digest).order_by(PackVersion.number.desc()).limit(1)
    found = session.execute(newest).first()
    if found is None:
        raise NoCity
    key = (found.number, found.digest)
    if key not in _cities:
        settings = session.scalars(select(PackVersion.settings).where(PackVersion.number == found.number)).one()
        while len(_cities) >= CITIES_KEPT:
            _cities.pop(next(iter(_cities)), None)
        _cities[key] = City.from_settings(settings, *key)
    return _cities[key]


# The digest covers city.toml and calendar.csv: one key is one city, in whichever database it was read.
_cities: dict[tuple[int, str], City] = {}


@lru_cache(maxsize=CITIES_KEPT)
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


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be a text")  # noqa: TRY004  # one kind of fault for all readers
    if "\0" in value:
        raise ValueError("it holds a NUL")
    return value.strip()


def _code(value: Any) -> str:
    text = _text(value)
    if not text or re.search(r"\s", text):
        raise ValueError("it must be a code without spaces")
    return text


def _prefix(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", text):
        raise ValueError("it must be 1 to 8 capital letters and digits")
    return text


def _zone(value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(_code(value))
    except (KeyError, ValueError, OSError) as fault:
        raise ValueError(f"{value!r} is no time zone of the IANA database") from fault


def _calendar(value: Any) -> str:
    holiday_calendar(_code(value))
    return str(value)


def _hours(value: Any) -> tuple[tuple[dt.time, dt.time], ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('it must be a list like ["09:00-12:00", "14:00-18:00"]')
    spans = [_span(text) for text in value]
    moments = [moment for span in spans for moment in span]
    if any(first >= second for first, second in spans) or moments != sorted(moments):
        raise ValueError("each span must end after it starts, and the next start after that")
    return tuple(spans)


def _span(value: Any) -> tuple[dt.time, dt.time]:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", _text(value)):
        raise ValueError(f"{value!r} is no span of time like 09:00-12:00")
    start, _, end = value.strip().partition("-")
    return dt.time.fromisoformat(start), dt.time.fromisoformat(end)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it must be true or false")  # noqa: TRY004  # one kind of fault for all readers
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


def _several(members: type[StrEnum]) -> Callable[[Any], tuple[StrEnum, ...]]:
    one = _one_of(*members)

    def read(value: Any) -> tuple[StrEnum, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError(f"it must be a list of {', '.join(members)}")
        return tuple(dict.fromkeys(members(one(text)) for text in value))

    return read


def _number(most: float, *, whole: bool = False) -> Callable[[Any], Any]:
    kind: Any = int if whole else int | float

    def read(value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value <= most:
            raise ValueError(f"it must be a {'whole ' if whole else ''}number from 0 to {most:g}")
        return value if whole else float(value)

    return read


def read_duration(value: Any) -> Duration:
    """Read a limit like ``3 working_days``. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d{1,4}) +([a-z_]+)", _text(value))
    if not found or found[2] not in list(TimeUnit):
        raise ValueError(f"it must be a number and one of {', '.join(TimeUnit)}, like '3 working_days'")
    return Duration(int(found[1]), TimeUnit(found[2]))


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError('it must be a list of words like ["漏电", "gas leak"]')  # noqa: TRY004  # one kind of fault
    words = tuple(_text(word).casefold() for word in value)
    if not all(words):
        raise ValueError("it holds an empty word, which every text contains")
    return words


_REASON = ("code", "name_zh", "name_en", "change_zh", "change_en")


def _reasons(value: Any) -> tuple[DeclineReason, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise ValueError("it must be tables: [[decline_reasons]]")
    reasons = tuple(DeclineReason(**{name: _text(each.get(name, "")) for name in _REASON}) for each in value)
    codes = [_code(reason.code) for reason in reasons]
    if len(set(codes)) < len(codes):
        raise ValueError("a code is there twice")
    if not all((reason.name_zh or reason.name_en) and (reason.change_zh or reason.change_en) for reason in reasons):
        raise ValueError("each reason needs a name and what would change it (change_zh, change_en)")
    return reasons


# What a city that says nothing declines for, in the words of Shenzhen's list of what is not taken on.
_USUAL_REASONS = [
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

KEYS: dict[str, Key] = {
    "code": Key(_code),
    "name_zh": Key(_text),
    "name_en": Key(_text),
    "timezone": Key(_zone),
    "working_calendar": Key(_calendar),
    "working_hours": Key(_hours),
    "languages": Key(_several(Language)),
    "datum_required": Key(_flag),
    "report_prefix": Key(_prefix),
    "fallback_role": Key(_code),
    "fallback_item": Key(_code),
    "city_level": Key(lambda value: Level(_one_of(Level.DISTRICT, Level.STREET, Level.COMMUNITY)(value))),
    "channels": Key(_several(Channel)),
    "nearest_street_limit_m": Key(_number(100_000)),
    "attribution": Key(_text),
    "boundaries": Key(_one_of(SURVEYED, APPROXIMATE), SURVEYED),
    "urgent_words": Key(_words, ()),
    "decline_reasons": Key(_reasons, _USUAL_REASONS),
}

LIMITS: dict[str, Key] = {
    "dispatch_share": Key(_number(1), 0.5),
    "dispatch_urgent_minutes": Key(_number(100_000, whole=True), 30),
    "sign_for_minutes": Key(_number(100_000, whole=True)),
    "sign_for_urgent_minutes": Key(_number(100_000, whole=True)),
    "handling_urgent": Key(read_duration, "24 hours"),
    "escalation": Key(read_duration, "4 working_hours"),
    "escalation_urgent": Key(read_duration, "30 minutes"),
    "adjudication": Key(read_duration),
    "rework": Key(read_duration),
    "supervision_answer": Key(read_duration),
    "silent_days_to_close": Key(_number(3650, whole=True)),
    "rating_days": Key(_number(3650, whole=True), 30),
    "call_back_share": Key(_number(1), 0.05),
    "call_back_share_poor": Key(_number(1), 0.25),
    "asset_match_m": Key(_number(10_000)),
    "joining_accuracy_cap_m": Key(_number(10_000)),
    "duplicate_candidates_m": Key(_number(10_000)),
    "duplicate_candidates_days": Key(_number(3650, whole=True)),
}
