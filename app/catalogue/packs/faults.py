"""Faults of a pack: where, how bad, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a pack can be loaded in spite of it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``where`` is a line number, or ``feature 3`` in a GeoJSON file that has not one feature a line.

    ``broken``: the file cannot be read as a whole. ``needs`` is the start of the name of another file, whose errors may
    be the cause of this one.
    """

    file: str
    where: str
    reason: str
    severity: Severity = Severity.ERROR
    broken: bool = False
    needs: str = ""

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, self.where) if part)
        return f"{place}: {self.severity}: {self.reason}"


def warning(file: str, where: str, reason: str) -> Fault:
    """Give a fault that does not keep a pack from being loaded."""
    return Fault(file, where, reason, Severity.WARNING)


def causes(faults: Sequence[Fault], *, reading: Sequence[Fault]) -> list[Fault]:
    """Leave out what follows from other faults: beside a broken file everything, else what needs a faulty one.

    ``reading`` are the faults that the reader of the files met: rows and features that could not be used.
    """
    broken = [fault for fault in faults if fault.broken]
    if broken:
        return _without_followers(broken, {fault.file for fault in broken})
    return _without_followers(faults, {fault.file for fault in reading if fault.severity is Severity.ERROR})


def _without_followers(faults: Sequence[Fault], faulty: Collection[str]) -> list[Fault]:
    return [fault for fault in faults if not (fault.needs and any(file.startswith(fault.needs) for file in faulty))]


def has_errors(faults: Sequence[Fault]) -> bool:
    """Tell whether any of the faults keeps a pack from being loaded."""
    return any(fault.severity is Severity.ERROR for fault in faults)
