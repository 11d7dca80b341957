"""The grid of the map: cells of Web Mercator (EPSG:3857), tiles, and the periods that counts are kept for.

A cell of level n is a tile of zoom n; a tile of zoom z shows the 16 by 16 cells of level z + 4 in it: on a screen they
are 32 to 64 pixels apart, which leaves room for a number. Cells are kept for every work order (key ``""``), for its
class (``c:``), its item (``i:``) and its street (``s:``), each down to the level where counting the work orders
themselves is as fast.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

# Half the width of the projection's square in metres (EPSG:3857: pi times the semi-major axis of WGS 84).
HALF_M = 20037508.342789244
FINEST = 20
COARSEST = 11
CELL_BITS = 5
SHOWN_BITS = 4
# A sensitive work order is shown in the middle of its cell of this level: 226 m wide in Boston, 282 m in Shenzhen.
BLOCK_LEVEL = 17
FINEST_OF_ALL, FINEST_OF_CLASS, FINEST_OF_ITEM, FINEST_OF_STREET = FINEST, 18, 15, 18
CELLS_UNTIL = 13  # the zoom from which a tile shows work orders, unless they are too many
ZOOM_MOST = 22
# The tile's number within its level: column times this, plus row.
TILE_ROWS = 1 << FINEST

OF_ALL = ""
CLASS, ITEM, STREET = "c:", "i:", "s:"


class Shown(StrEnum):
    """What the public map tells of the state of a work order."""

    OPEN = "open"
    FIXED = "fixed"
    CLOSED = "closed"


class Period(StrEnum):
    """Since when a work order was fixed; open ones are shown always."""

    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR = "365d"
    ALL = "all"


# Ages in days at which what is fixed goes from one count to the next; the last count has no end.
AGES = (7, 30, 90, 365)
AGE_NAMES = (*map(str, AGES), "more")
COUNTS = (
    Shown.OPEN.value,
    *(f"{shown}_{age}" for shown in (Shown.FIXED.value, Shown.CLOSED.value) for age in AGE_NAMES),
)


def ages_within(period: Period) -> int:
    """Give how many of the ages a period covers, the youngest first."""
    return list(Period).index(period) + 1


def counts_of(shown: Shown, period: Period) -> tuple[str, ...]:
    """Name the counts that make up a state within a period."""
    if shown is Shown.OPEN:
        return (shown.value,)
    return tuple(f"{shown}_{age}" for age in AGE_NAMES[: ages_within(period)])


def began(period: Period, now: dt.datetime) -> dt.datetime | None:
    """Give when a period began; None where it has no beginning."""
    return None if period is Period.ALL else now - dt.timedelta(days=AGES[ages_within(period) - 1])


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of the usual scheme: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int

    @property
    def exists(self) -> bool:
        """Tell whether the scheme has such a tile."""
        return 0 <= self.z <= ZOOM_MOST and 0 <= self.x < 1 << self.z and 0 <= self.y < 1 << self.z

    @property
    def level(self) -> int:
        """Give the level of the cells that it shows."""
        return min(max(self.z + SHOWN_BITS, COARSEST), FINEST)

    def cells(self, level: int) -> tuple[int, int, int, int]:
        """Give the first and last column, first and last row of its cells of a level."""
        if level < self.z:
            x, y = self.x >> (self.z - level), self.y >> (self.z - level)
            return x, x, y, y
        bits = level - self.z
        return self.x << bits, ((self.x + 1) << bits) - 1, self.y << bits, ((self.y + 1) << bits) - 1

    def groups(self, level: int) -> list[int]:
        """Give the numbers under which its cells of a level are kept together; too many where it is an overview."""
        left, right, top, bottom = (value >> CELL_BITS for value in self.cells(level))
        return [x * TILE_ROWS + y for x in range(left, right + 1) for y in range(top, bottom + 1)]
