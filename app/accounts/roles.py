"""The roles of staff, and the scopes and kinds of their tokens."""

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


class Scope(StrEnum):
    """What a token may be used for, within what the role of its person may. ``app.api.guard`` checks it."""

    READ = "read"  # every GET
    FILE = "file"  # intake at a desk
    MOVE = "move"  # steps of work orders
    MANAGE = "manage"  # accounts and lists


class TokenKind(StrEnum):
    """Where a token comes from."""

    SESSION = "session"  # a sign-in, for some hours
    PERSONAL = "personal"  # issued by command to a person
    MACHINE = "machine"  # the key of a machine client
