"""What a picture looks like: a hash to find it again, and how sharp it is. Standard library and Pillow only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageFilter, ImageStat

from app.media.pixels import TURNS, fitted, in_eight_bits, on_white, resizable, shrunk

# 12 megapixels have 4000 pixels and more on the long side: decoded at an eighth they still have this many.
LONG_SIDE = 480
# A picture whose 72 fields differ by less shows nothing to compare: a lens cap, a wall, the night.
LEAST_CONTRAST = 8
# What is this near to no bits or all bits is a smooth slope of light, and all slopes are alike.
MEANINGLESS_BITS = 3

_FIELDS = (9, 8)
_BITS = 64
# A quarter of the sum, about the middle: stays within a byte but at the hardest of edges.
_SCALE = 4
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=_SCALE, offset=128)
_SMALLEST = 3


@dataclass(frozen=True, slots=True)
class Looks:
    """How a picture looks; None where it cannot be said. ``dhash`` is signed, as PostgreSQL's bigint is."""

    dhash: int | None = None
    sharpness: float | None = None


def look(image: Image.Image, orientation: int) -> Looks:
    """Look at a decoded picture; what cannot be worked with has no looks, and that stops no picture."""
    try:
        grey = grey_of(image)
        turn = TURNS.get(orientation)
        return Looks(dhash_of(grey if turn is None else grey.transpose(turn)), sharpness_of(grey))
    except Exception:  # noqa: BLE001  # a picture in a mode of its own, or one that takes all memory: it was decoded
        return Looks()


def grey_of(image: Image.Image) -> Image.Image:
    """Give the picture in grey with LONG_SIDE pixels on its long side, or as many as it has."""
    small = shrunk(resizable(image), fitted(image.size, LONG_SIDE))
    return on_white(in_eight_bits(small)).convert("RGB").convert("L")


def dhash_of(grey: Image.Image) -> int | None:
    """Give the difference hash of an upright picture: a bit for each of 9x8 fields that is darker than its right one.

    After N. Krawetz, "Kind of Like That" (hackerfactor.com, 2013). The bits run down the columns: a quarter of them, by
    which likenesses are looked up, is then a strip from top to bottom and not the sky that half of all photos show.
    """
    fields = grey.resize(_FIELDS, Image.Resampling.BOX).tobytes()
    if max(fields) - min(fields) < LEAST_CONTRAST:
        return None
    columns = [fields[column :: _FIELDS[0]] for column in range(_FIELDS[0])]
    hashed = 0
    for left, right in pairwise(columns):
        for one, other in zip(left, right, strict=True):
            hashed = hashed << 1 | (one < other)
    if not MEANINGLESS_BITS < hashed.bit_count() < _BITS - MEANINGLESS_BITS:
        return None
    return hashed - (1 << _BITS) if hashed >> (_BITS - 1) else hashed


def sharpness_of(grey: Image.Image) -> float | None:
    """Give the variance of the Laplacian of a grey picture: little where no edge is left.

    After Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000. It grows
    with the contrast, and a blur in one direction leaves the edges along it.
    """
    width, height = grey.size
    if min(grey.size) < _SMALLEST:
        return None
    # The filter leaves the outermost pixels as they are.
    edges = grey.filter(_LAPLACIAN).crop((1, 1, width - 1, height - 1))
    return float(ImageStat.Stat(edges).var[0]) * _SCALE**2
