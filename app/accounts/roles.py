"""The roles of staff."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person of the city does; ``system`` is the service itself and no person's role."""

    CREW = "crew"
    UNIT_MANAGER = "unit_manager"
    DISPATCHER = "dispatcher"
    SUPERVISOR = "supervisor"
    SYSTEM = "system"
