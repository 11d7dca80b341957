"""The columns of a pack's tables: one list, which the reader, the check and the documentation's test use."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from app.catalogue.models import EvidenceNeeded, Joining, Kind, TimeUnit, Urgency
from app.geo.models import Level

Read = Callable[[str], Any]

LONGEST_CODE = 120
LONGEST_TEXT = 2000


def text(value: str) -> str:
    """Read any text, which may be empty."""
    if len(value) > LONGEST_TEXT or "\0" in value:
        raise ValueError(f"is longer than {LONGEST_TEXT} characters or holds a NUL")
    return value


def code(value: str) -> str:
    """Read a code: something, without spaces."""
    if not value:
        raise ValueError("is empty")
    return code_or_none(value)


# What a spreadsheet makes of a long number that is no number: 4.403E+11.
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E[+-]\d+", re.IGNORECASE)


def code_or_none(value: str) -> str:
    """Read a code that may be left out."""
    if len(value) > LONGEST_CODE or re.search(r"[\s\0]", value):
        raise ValueError(f"{value[:40]!r} is no code: at most {LONGEST_CODE} characters, no spaces")
    if _SHORTENED.fullmatch(value):
        raise ValueError(f"{value!r} is a code that a spreadsheet took for a number: format the column as text")
    return value


def whole(least: int, most: int) -> Read:
    """Make the reader of a whole number within limits."""

    def read(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", value):
            raise ValueError(f"{value[:40]!r} is no whole number")
        return int(_within(int(value), least, most))

    return read


def metres(most: float) -> Read:
    """Make the reader of a length in metres from 0 to ``most``."""

    def read(value: str) -> float:
        if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", value):
            hint = ": write the decimal point as a point" if re.fullmatch(r"-?[0-9]+,[0-9]+", value) else ""
            raise ValueError(f"{value[:40]!r} is no number{hint}")
        return _within(float(value), 0, most)

    return read


def _within(number: float, least: float, most: float) -> float:
    if not least <= number <= most:
        raise ValueError(f"{number:g} is not from {least:g} to {most:g}")
    return number


def one_of(members: type[StrEnum]) -> Read:
    """Make the reader of an enum by its value."""

    def read(value: str) -> StrEnum:
        if value not in list(members):
            raise ValueError(f"{value[:40]!r} is none of {', '.join(members)}")
        return members(value)

    return read


def flag(value: str) -> bool:
    """Read 1 or 0."""
    if value not in {"0", "1"}:
        raise ValueError(f"{value[:40]!r} is neither 0 nor 1")
    return value == "1"


def yes_or_no(value: str) -> bool:
    """Read yes or no."""
    if value not in {"yes", "no"}:
        raise ValueError(f"{value[:40]!r} is neither yes nor no")
    return value == "yes"


def date(value: str) -> dt.date:
    """Read a date like 2026-01-31."""
    try:
        return dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise ValueError(f"{value[:40]!r} is no date like 2026-01-31: format the column as text") from None


UNITS: dict[str, Read] = {
    "code": code,
    "name_zh": text,
    "name_en": text,
    "role": code,
    "level": one_of(Level),
    "area_code": code,
}

ITEMS: dict[str, Read] = {
    "code": code,
    "kind": one_of(Kind),
    "major_zh": text,
    "major_en": text,
    "name_zh": text,
    "name_en": text,
    "urgency": one_of(Urgency),
    "dispatch_minutes": whole(0, 100_000),
    "handle_amount": whole(0, 10_000),
    "handle_unit": one_of(TimeUnit),
    "asset_class": code_or_none,
    "responsible_role": code,
    "dedup_radius_m": metres(5_000),
    "dedup_window_days": whole(0, 3_650),
    "keywords_zh": text,
    "keywords_en": text,
    "evidence": one_of(EvidenceNeeded),
    "sensitive": flag,
    "joining": one_of(Joining),
}

RULES: dict[str, Read] = {
    "item": code_or_none,
    "role": code_or_none,
    "asset_owner": code_or_none,
    "area": code_or_none,
    "unit": code,
    "valid_from": date,
    "note": text,
}

CALENDAR: dict[str, Read] = {"date": date, "working": yes_or_no, "note": text}

HISTORY: dict[str, Read] = {
    "id": code,
    "item": code,
    "requested_at": text,
    "closed_at": text,
    "due_at": text,
    "status": text,
    "lon": text,
    "lat": text,
    "address": text,
    "recorded_area": code_or_none,
    "channel": text,
}

AREA_PROPERTIES = ("code", "name_zh", "name_en", "parent")
ASSET_PROPERTIES = ("id", "name", "owner")
