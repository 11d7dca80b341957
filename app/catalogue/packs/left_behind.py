"""What a reload leaves behind: codes that the lists dropped and that open work, followers or staff still use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy.orm import Session


class CodeKind(StrEnum):
    """What a code names."""

    AREA = "area"
    UNIT = "unit"
    ITEM = "item"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """A code that left the lists in the version ``dropped_in`` and is still used.

    ``uses`` counts what uses it, by a plural; ``people`` are the names of the accounts among them. ``successor`` is the
    current code that takes its place, empty where that is chosen for each work order or where there is none.
    """

    kind: CodeKind
    code: str
    name: str
    dropped_in: int
    uses: Mapping[str, int]
    people: tuple[str, ...]
    successor: str

    def __str__(self) -> str:
        uses = ", ".join(f"{count:,} {what}" for what, count in self.uses.items())
        people = f" ({', '.join(self.people)})" if self.people else ""
        successor = f"; its successor is {self.successor}" if self.successor else ""
        return f"{self.kind} {self.code} ({self.name}): {uses}{people}{successor}"


class Succession(Protocol):
    """What the features above the catalogue do for a reload."""

    def find(self, session: Session, moved: Mapping[str, str]) -> list[LeftBehind]:
        """Find what the current lists leave behind; ``moved`` names successors by dropped code. Raises PackRefused."""
        ...

    def rehome(self, moved: Mapping[str, str]) -> None:
        """Move what is left behind to the current lists, in transactions of its own, with progress; resumable."""
        ...
