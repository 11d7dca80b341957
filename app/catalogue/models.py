"""Tables of the catalogue: pack versions, units, items, responsibilities."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Versioned, current_key


class Kind(StrEnum):
    """Whether an item is about a thing (部件) or about something that happens (事件)."""

    COMPONENT = "component"
    EVENT = "event"


class Urgency(StrEnum):
    """How fast an item is handled."""

    GENERAL = "general"
    URGENT = "urgent"


class TimeUnit(StrEnum):
    """How a limit counts time; ``working_`` by the calendar and hours of the city."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WORKING_HOURS = "working_hours"
    WORKING_DAYS = "working_days"


class Joining(StrEnum):
    """Whether a report of an item joins an open work order by itself, on a resident's word, or never."""

    AUTO = "auto"
    SUGGEST = "suggest"
    NEVER = "never"


class EvidenceNeeded(StrEnum):
    """What a crew brings to say that it is fixed."""

    AFTER_PHOTO = "after_photo"
    NOTE = "note"
    NONE = "none"


class PackVersion(Base):
    """One load of a city pack. ``settings`` is city.toml as it was, ``digest`` covers all its files."""

    __tablename__ = "pack_versions"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    city_code: Mapped[str]
    loaded_at: Mapped[dt.datetime]
    digest: Mapped[str]
    settings: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]]
    notes: Mapped[list[str]]


class CalendarWarning(Base):
    """A year whose adjusted working days the calendar lacks, once it was told, for the pack of these files."""

    __tablename__ = "calendar_warnings"

    digest: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    warned_at: Mapped[dt.datetime]


class Unit(Versioned, Base):
    """An organisation with a role at a level for an area."""

    __tablename__ = "units"

    code: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    role: Mapped[str]
    level: Mapped[str]
    area_code: Mapped[str]


class Item(Versioned, Base):
    """A line of the catalogue (事项目录清单): what it is, how fast, who by default, how reports of it join.

    ``handle_amount`` counts in ``handle_unit``; ``dedup_radius_m`` is in metres.
    """

    __tablename__ = "items"

    code: Mapped[str]
    kind: Mapped[Kind]
    major_zh: Mapped[str]
    major_en: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    urgency: Mapped[Urgency]
    dispatch_minutes: Mapped[int]
    handle_amount: Mapped[int]
    handle_unit: Mapped[TimeUnit]
    asset_class: Mapped[str]
    responsible_role: Mapped[str]
    dedup_radius_m: Mapped[float]
    dedup_window_days: Mapped[int]
    keywords_zh: Mapped[str]
    keywords_en: Mapped[str]
    evidence: Mapped[EvidenceNeeded]
    sensitive: Mapped[bool]
    joining: Mapped[Joining]
    position: Mapped[int]


class Origin(StrEnum):
    """Where a rule comes from; a rule that a ruling made survives a load of the pack."""

    PACK = "pack"
    RULING = "ruling"


class Responsibility(Versioned, Base):
    """A rule (职责清单): item or role, asset owner, area → unit. An empty column matches anything."""

    __tablename__ = "responsibilities"
    __table_args__ = (
        current_key("responsibilities", "item", "role", "asset_owner", "area", "valid_from", "origin"),
        Index("ix_responsibilities_unit", "unit"),
    )

    item: Mapped[str]
    role: Mapped[str]
    asset_owner: Mapped[str]
    area: Mapped[str]
    unit: Mapped[str]
    valid_from: Mapped[dt.date]
    note: Mapped[str]
    origin: Mapped[Origin]
