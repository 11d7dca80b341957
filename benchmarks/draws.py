"""What is asked for: random places within the streets, random items, the popular ones more often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalogue.models import Item, Joining
from app.catalogue.queries import list_items
from app.geo.models import Area, Level
from app.geo.types import Point

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

# The share of reports that name no item, and the radius that a phone gives for its position, in metres.
WITHOUT_ITEM = 0.1
ACCURACY_M = (5.0, 50.0)
# A third of a street's width either side of its centre: the middle is asked for more often than the edge.
CENTRED = 0.33


@dataclass(frozen=True, slots=True)
class Draw:
    """One call's input; ``item`` is empty where none is named."""

    point: Point
    accuracy_m: float
    item: Item | None

    @property
    def code(self) -> str | None:
        """Give the item's code."""
        return self.item.code if self.item else None


@dataclass(frozen=True, slots=True)
class City:
    """The streets with their shapes, and the items with their shares, by Zipf's law in a shuffled order.

    Every street is as likely as another: a street office stands for about as many people whatever its area, so that
    small ones are dense, as they are.
    """

    codes: Sequence[str]
    shapes: Sequence[Any]
    items: Sequence[Item]
    shares: Floats

    @classmethod
    def read(cls, session: Session, chance: np.random.Generator) -> City:
        """Read the current streets and items."""
        shape = func.ST_AsBinary(Area.geom)
        rows = session.execute(
            select(Area.code, shape).where(Area.level == Level.STREET, Area.until.is_(None)).order_by(Area.code)
        ).all()
        items = list_items(session)
        order = chance.permutation(len(items))
        ranks = 1.0 / np.arange(1, len(items) + 1)
        shapes = [shapely.from_wkb(bytes(row[1])) for row in rows]
        for each in shapes:
            shapely.prepare(each)
        return cls([row[0] for row in rows], shapes, [items[place] for place in order], ranks / ranks.sum())

    def scatter(self, street: int, count: int, chance: np.random.Generator) -> Floats:
        """Draw positions in a street, normally distributed around its middle: rows of longitude and latitude."""
        shape = self.shapes[street]
        west, south, east, north = shape.bounds
        middle = shape.point_on_surface()
        kept: Floats = np.empty((0, 2))
        while len(kept) < count:
            width = (CENTRED * (east - west), CENTRED * (north - south))
            drawn = chance.normal((middle.x, middle.y), width, (2 * count + 8, 2))
            kept = np.concatenate([kept, drawn[shapely.contains_xy(shape, drawn[:, 0], drawn[:, 1])]])
        return kept[:count]

    def draw(self, count: int, chance: np.random.Generator) -> list[Draw]:
        """Draw what ``count`` residents report."""
        return list(self._draw(count, chance))

    def ask(self, count: int, chance: np.random.Generator) -> list[Draw]:
        """Draw like ``draw``, but only what can have similar ones: for the rest the database is not asked."""
        asked: list[Draw] = []
        while len(asked) < count:
            asked += [draw for draw in self._draw(count, chance) if _has_answer(draw.item)]
        return asked[:count]

    def _draw(self, count: int, chance: np.random.Generator) -> Iterator[Draw]:
        streets = chance.integers(len(self.codes), size=count)
        items = chance.choice(len(self.items), size=count, p=self.shares)
        named = chance.random(count) >= WITHOUT_ITEM
        accuracies = chance.uniform(*ACCURACY_M, size=count)
        for street, item, has_item, accuracy in zip(streets, items, named, accuracies, strict=True):
            lon, lat = self.scatter(int(street), 1, chance)[0].round(6).tolist()
            yield Draw(Point(lon, lat), round(float(accuracy), 1), self.items[item] if has_item else None)


def _has_answer(item: Item | None) -> bool:
    return item is None or not (item.sensitive or item.joining is Joining.NEVER)
