"""What the page of problems lists."""

from __future__ import annotations

from app.errors import Problem


def problem_kinds() -> list[type[Problem]]:
    """Give every kind of problem that is loaded, by status and name."""
    found: list[type[Problem]] = []
    waiting: list[type[Problem]] = [Problem]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(found, key=lambda kind: (kind.status, kind.slug()))
