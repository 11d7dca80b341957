"""What a picture of a work order is said to show (alternative text), from its item and its street.

Never finer than the street, so that it holds for sensitive items too; never words of a resident.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from app.workorders.states import EventKind


class Named(Protocol):
    """A thing with names in both languages."""

    @property
    def name_zh(self) -> str:
        """Its name in Chinese."""
        ...

    @property
    def name_en(self) -> str:
        """Its name in English."""
        ...


class Shows(StrEnum):
    """When a picture was taken, or why."""

    REPORTED = "reported"
    AFTER = "after"
    DURING = "during"
    OBJECTION = "objection"


_ZH = {
    Shows.REPORTED: "报修时的照片",
    Shows.AFTER: "修复后的照片",
    Shows.DURING: "处理过程中的照片",
    Shows.OBJECTION: "反映未解决时附上的照片",
}
_EN = {
    Shows.REPORTED: "as reported",
    Shows.AFTER: "after the repair",
    Shows.DURING: "during the work",
    Shows.OBJECTION: "sent with the objection",
}
_OF_EVENTS = {
    EventKind.FIXED: Shows.AFTER,
    EventKind.PART_FIXED: Shows.AFTER,
    EventKind.OBJECTED: Shows.OBJECTION,
}

Alt = dict[str, str]


def alt_of(item: Named, street: Mapping[str, Any] | Named | None, shows: Shows) -> Alt:
    """Give the text in both languages; a name that one language lacks is taken from the other."""
    what, where = _names(item), _names(street)
    return {
        "zh": "，".join(part for part in (what[0], where[0], _ZH[shows]) if part),
        "en": ", ".join(part for part in (what[1], where[1], _EN[shows]) if part),
    }


def shown_by(kind: EventKind) -> Shows:
    """Say what the pictures of a line of history show."""
    return _OF_EVENTS.get(kind, Shows.DURING)


def _names(thing: Mapping[str, Any] | Named | None) -> tuple[str, str]:
    if thing is None:
        return "", ""
    if isinstance(thing, Mapping):
        zh, en = thing.get("name_zh"), thing.get("name_en")
    else:
        zh, en = thing.name_zh, thing.name_en
    return str(zh or en or ""), str(en or zh or "")
