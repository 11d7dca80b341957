"""How alike two texts and two pictures are, 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Difference hashes of 64 bits: two pictures of one scene from about one spot differ in few.
_ALIKE_BITS = 16
_ALL = (1 << 64) - 1


def words_alike(mine: str, theirs: Iterable[str]) -> float:
    """Give the likeness of a text to the likest of others: Dice's coefficient over pairs of characters.

    Pairs of characters need no word boundaries: Chinese has none. Case and punctuation are ignored.
    """
    own = _pairs(mine)
    return max((_dice(own, _pairs(text)) for text in theirs), default=0.0)


def _pairs(text: str) -> frozenset[str]:
    signs = "".join(sign for sign in text.casefold() if sign.isalnum())
    return frozenset(signs[place : place + 2] for place in range(len(signs) - 1))


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def photos_alike(mine: Sequence[int], theirs: Sequence[int]) -> float:
    """Give 1 for equal difference hashes, falling to 0 where 16 of the 64 bits differ; of many pairs the likest."""
    bits = [((one ^ other) & _ALL).bit_count() for one in mine for other in theirs]
    return max(0.0, 1 - min(bits, default=_ALIKE_BITS) / _ALIKE_BITS)
