"""The roles of staff."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody does with work orders. The last two are nobody's account: the service itself, and a resident."""

    CREW = "crew"
    UNIT_MANAGER = "unit_manager"
    DISPATCHER = "dispatcher"
    ADJUDICATOR = "adjudicator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"  # reads all of their area, changes nothing
    ADMIN = "admin"  # looks after accounts and lists
    SYSTEM = "system"
    REPORTER = "reporter"


STAFF_ROLES = tuple(role for role in Role if role not in {Role.SYSTEM, Role.REPORTER})
