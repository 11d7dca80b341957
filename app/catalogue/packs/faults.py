"""Faults of a pack: where, how bad, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a pack can be loaded in spite of it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``where`` is a line number, or ``feature 3`` in a GeoJSON file that has not one feature a line."""

    file: str
    where: str
    reason: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, self.where) if part)
        return f"{place}: {self.severity}: {self.reason}"


def warning(file: str, where: str, reason: str) -> Fault:
    """Give a fault that does not keep a pack from being loaded."""
    return Fault(file, where, reason, Severity.WARNING)


def has_errors(faults: list[Fault]) -> bool:
    """Tell whether any of the faults keeps a pack from being loaded."""
    return any(fault.severity is Severity.ERROR for fault in faults)
