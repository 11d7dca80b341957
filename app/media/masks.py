"""Make what is in a box unreadable. Runs in the child: standard library and Pillow only.

A box is ``x``, ``y``, ``width`` and ``height`` as fractions of the upright picture, from its upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PIL import Image

from app.media import picture
from app.media.formats import Format
from app.media.render import encode_all

# A detector's box ends at the brows and the chin: hair, ears and neck tell who it is too.
PADDING = 0.25
# Cells along the longer side of a padded box. A face of any size becomes 16 averages at most, less than three across
# the face itself; a plate becomes four, each over two or more of its characters. Mosaics of many cells were matched to
# persons by a trained network (McPherson, Shokri, Shmatikov, arXiv:1609.00408): hence so few, and never a fixed size.
CELLS = 4


def mask(
    data: bytes, boxes: Sequence[dict[str, Any]], sizes: Sequence[int], formats: Sequence[Format] = (Format.JPEG,)
) -> list[bytes]:
    """Pixelate the boxes of a picture and make each size in each format of what is left. Raises Refusal.

    The smaller ones are made from the pixelated one: nothing of what lay below can come through.
    """
    image = picture.open_picture(data)
    picture.load(image)
    shown = image.convert("RGB")
    for box in boxes:
        pixelate(shown, padded(box, shown.size))
    return encode_all(shown, sizes, formats)


def padded(box: dict[str, Any], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give the pixels that a box covers with its padding: left, top, right, bottom, rounded outwards, within."""
    width, height = size
    wider, higher = box["width"] * PADDING, box["height"] * PADDING
    return (
        max(0, math.floor((box["x"] - wider) * width)),
        max(0, math.floor((box["y"] - higher) * height)),
        min(width, math.ceil((box["x"] + box["width"] + wider) * width)),
        min(height, math.ceil((box["y"] + box["height"] + higher) * height)),
    )


def pixelate(image: Image.Image, area: tuple[int, int, int, int]) -> None:
    """Replace an area by at most CELLS by CELLS averages, in place."""
    part = image.crop(area)
    cell = max(part.size) / CELLS
    cells = (max(1, round(part.width / cell)), max(1, round(part.height / cell)))
    coarse = part.resize(cells, Image.Resampling.BOX)
    image.paste(coarse.resize(part.size, Image.Resampling.NEAREST), area[:2])


def is_box(box: dict[str, Any]) -> bool:
    """Say whether a box lies within the picture and is no mere line."""
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    return bool(0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 and 0 < height <= 1)
