"""What of the map is wanted: states, classes, items, a street, a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from app.publicmap.grid import (
    CLASS,
    FINEST_OF_ALL,
    FINEST_OF_CLASS,
    FINEST_OF_ITEM,
    FINEST_OF_STREET,
    ITEM,
    OF_ALL,
    STREET,
    Period,
    Shown,
    ages_within,
    counts_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which work orders; what is left empty asks for all."""

    states: tuple[Shown, ...] = ()
    classes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    street: str | None = None
    period: Period = Period.QUARTER

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Self:
        """Read what was asked for."""
        return cls(
            states=tuple(asked["state"]),
            classes=tuple(asked["class"]),
            items=tuple(asked["item"]),
            street=asked["street"] or None,
            period=asked["period"],
        )

    def counts(self, shown: Shown) -> tuple[str, ...]:
        """Name the counts of cells that make up a state; none where it is not wanted."""
        return counts_of(shown, self.period) if shown in (self.states or tuple(Shown)) else ()

    @property
    def ages(self) -> int:
        """Give the oldest age that is wanted."""
        return ages_within(self.period)

    def keys(self, level: int) -> list[str] | None:
        """Give the keys whose cells of a level hold the answer; None where no cells do."""
        kinds = [bool(self.classes), bool(self.items), bool(self.street)]
        if sum(kinds) > 1:
            return None
        if self.street:
            keys, finest = [STREET + self.street], FINEST_OF_STREET
        elif self.items:
            keys, finest = [ITEM + item for item in self.items], FINEST_OF_ITEM
        elif self.classes:
            keys, finest = [CLASS + name for name in self.classes], FINEST_OF_CLASS
        else:
            keys, finest = [OF_ALL], FINEST_OF_ALL
        return keys if level <= finest else None
