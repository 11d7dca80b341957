"""The city: what city.toml of the current pack version says, typed.

``KEYS``, ``LIMITS`` and ``OPEN_DATA`` are the one list of what city.toml may hold; the check of a pack reads it too.
docs/city-packs.md explains every key (a test compares).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue import values
from app.catalogue.errors import NoCity
from app.catalogue.models import PackVersion
from app.catalogue.values import DeclineReason, Duration, Key, holiday_calendar
from app.duplicates.model import Model, default_model, model_from
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
    merge_within_m: float
    messages_a_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenData:
    """The table ``[open_data]`` of city.toml: under which licence others may use what everybody may see."""

    licence: str = ""
    licence_url: str = ""
    attribution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A city as one version of its pack describes it.

    ``calendar`` overrides the holidays day by day, ``duplicates`` says what may be the same problem.
    """

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
    quiet_hours: tuple[dt.time, dt.time] | None = None
    letter_time: dt.time = dt.time(8)
    calendar: Mapping[dt.date, bool] = field(default_factory=dict, hash=False)
    open_data: OpenData = OpenData()
    duplicates: Model = field(default_factory=default_model, hash=False, compare=False)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], version: int, digest: str) -> City:
        """Read a city from the settings of a pack version; they were checked before they were stored."""
        read = {name: key.read(settings.get(name, key.default)) for name, key in KEYS.items()}
        limits = {name: key.read(settings["limits"].get(name, key.default)) for name, key in LIMITS.items()}
        opened = settings.get("open_data", {})
        open_data = OpenData(**{name: key.read(opened.get(name, key.default)) for name, key in OPEN_DATA.items()})
        days = {dt.date.fromisoformat(day): working for day, working in settings.get("calendar", {}).items()}
        approximate = read.pop("boundaries") == APPROXIMATE
        own: dict[str, Any] = {"version": version, "digest": digest, "approximate": approximate, "open_data": open_data}
        if settings.get("duplicates"):
            own["duplicates"] = model_from(settings["duplicates"], "duplicates.json")
        return cls(**read, **own, limits=Limits(**limits), calendar=days)

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


# The digest covers city.toml, calendar.csv and duplicates.json: one key is one city, in whichever database it was read.
_cities: dict[tuple[int, str], City] = {}


KEYS: dict[str, Key] = {
    "code": Key(values.code),
    "name_zh": Key(values.text),
    "name_en": Key(values.text),
    "timezone": Key(values.zone),
    "working_calendar": Key(values.calendar),
    "working_hours": Key(values.hours),
    "languages": Key(values.several(Language)),
    "datum_required": Key(values.flag),
    "report_prefix": Key(values.prefix),
    "fallback_role": Key(values.code),
    "fallback_item": Key(values.code),
    "city_level": Key(lambda value: Level(values.one_of(Level.DISTRICT, Level.STREET, Level.COMMUNITY)(value))),
    "channels": Key(values.several(Channel)),
    "nearest_street_limit_m": Key(values.number(100_000)),
    "attribution": Key(values.text),
    "boundaries": Key(values.one_of(SURVEYED, APPROXIMATE), SURVEYED),
    "urgent_words": Key(values.words, ()),
    "decline_reasons": Key(values.reasons, values.USUAL_REASONS),
    "quiet_hours": Key(values.quiet, "22:00-08:00"),
    "letter_time": Key(values.time_of_day, "08:00"),
}

LIMITS: dict[str, Key] = {
    "dispatch_share": Key(values.number(1), 0.5),
    "dispatch_urgent_minutes": Key(values.number(100_000, whole=True), 30),
    "sign_for_minutes": Key(values.number(100_000, whole=True)),
    "sign_for_urgent_minutes": Key(values.number(100_000, whole=True)),
    "handling_urgent": Key(values.read_duration, "24 hours"),
    "escalation": Key(values.read_duration, "4 working_hours"),
    "escalation_urgent": Key(values.read_duration, "30 minutes"),
    "adjudication": Key(values.read_duration),
    "rework": Key(values.read_duration),
    "supervision_answer": Key(values.read_duration),
    "silent_days_to_close": Key(values.number(3650, whole=True)),
    "rating_days": Key(values.number(3650, whole=True), 30),
    "call_back_share": Key(values.number(1), 0.05),
    "call_back_share_poor": Key(values.number(1), 0.25),
    "asset_match_m": Key(values.number(10_000)),
    "joining_accuracy_cap_m": Key(values.number(10_000)),
    "duplicate_candidates_m": Key(values.number(10_000)),
    "duplicate_candidates_days": Key(values.number(3650, whole=True)),
    "merge_within_m": Key(values.number(100_000), 500),
    "messages_a_day": Key(values.number(1000, whole=True), 20),
}

OPEN_DATA: dict[str, Key] = {
    "licence": Key(values.text, ""),
    "licence_url": Key(values.web_address, ""),
    "attribution": Key(values.text, ""),
}
