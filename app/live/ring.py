"""The last lines of history in the order in which they were committed, as this process heard of them."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from uuid import UUID

KEPT = 8192


class Ring:
    """Ids of lines by place: the first is 0, ``end`` is the place of the next one. The oldest are forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self.end = 0
        self._kept = kept
        self._places: OrderedDict[UUID, int] = OrderedDict()

    def add(self, line_id: UUID) -> bool:
        """Add a line; one that is known stays where it is. Tell whether it is new."""
        if line_id in self._places:
            return False
        self._places[line_id] = self.end
        self.end += 1
        if len(self._places) > self._kept:
            self._places.popitem(last=False)
        return True

    def place_after(self, line_id: UUID) -> int | None:
        """Give the place behind a line, None where it is not known (any more)."""
        place = self._places.get(line_id)
        return None if place is None else place + 1

    def since(self, place: int, most: int) -> list[UUID] | None:
        """Give the lines from a place on, in their order; None where some are forgotten."""
        first = self.end - len(self._places)
        if place < first:
            return None
        return list(islice(self._places, place - first, place - first + most))

    def __contains__(self, line_id: UUID) -> bool:
        return line_id in self._places
