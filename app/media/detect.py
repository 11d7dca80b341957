"""Find faces and number plates by OpenCV's Haar cascades: the program of a child of its own.

Nothing else imports OpenCV but app/media/align.py, which runs in this child too. It looks at renditions of our own
making, never at what a stranger sent.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from app.media import align, child, picture

# The cascade, how often a hit must repeat, and the smallest one in pixels. Rather a mask too many: it costs a patch of
# street, one too few shows a person. Below these sizes the cascades find nothing (20 px trained, 25 in practice).
_CASCADES = (
    ("haarcascade_frontalface_default.xml", "face", 3, (24, 24)),
    ("haarcascade_frontalface_alt2.xml", "face", 3, (24, 24)),
    ("haarcascade_profileface.xml", "face", 3, (24, 24)),
    ("haarcascade_russian_plate_number.xml", "plate", 3, (30, 10)),
)
_STEP = 1.1
MOST_BOXES = 100
# OpenCV's libraries map 450 MB before the first picture; one of 1600 pixels took 920 MB of addresses, 500 of memory.
MEMORY_BYTES = 3 << 29


def serve() -> None:
    """Load OpenCV before the limits are set, then answer jobs until standard input ends."""
    cascades()
    child.serve(answer, memory=MEMORY_BYTES)


def answer(job: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Find what is to be masked in a picture: a header with ``boxes``.

    Where the job names the length of a picture of ``before``, bring that and the rest into one frame.
    """
    if "before" not in job:
        return {"boxes": find(data)}, b""
    aligned, size, made = align.align(data[: job["before"]], data[job["before"] :], job["sizes"])
    return {"aligned": aligned, "size": size, "lengths": [len(one) for one in made]}, b"".join(made)


@cache
def cascades() -> tuple[Any, ...]:
    """Load the cascades. Imported here: OpenCV takes half a second and 110 MB, in this child alone."""
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)
    folder = Path(cv2.__file__).parent / "data"
    return tuple(cv2.CascadeClassifier(str(folder / name)) for name, _, _, _ in _CASCADES)


def find(data: bytes) -> list[dict[str, Any]]:
    """Give the boxes of a JPEG as fractions of it; profiles are looked for in the mirrored picture too."""
    import numpy as np  # noqa: PLC0415

    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        picture.load(image)
        grey = np.asarray(image.convert("L"))
    height, width = grey.shape
    found = []
    for (name, kind, repeats, least), cascade in zip(_CASCADES, cascades(), strict=True):
        hits = [tuple(hit) for hit in cascade.detectMultiScale(grey, _STEP, repeats, minSize=least)]
        if "profile" in name:
            mirrored = cascade.detectMultiScale(np.ascontiguousarray(grey[:, ::-1]), _STEP, repeats, minSize=least)
            hits += [(width - x - w, y, w, h) for x, y, w, h in mirrored]
        found += [_box(hit, kind, (width, height)) for hit in hits]
    return sorted(found, key=lambda box: -box["width"] * box["height"])[:MOST_BOXES]


def _box(hit: tuple[int, ...], kind: str, size: tuple[int, int]) -> dict[str, Any]:
    x, y, w, h = (int(number) for number in hit)
    width, height = size
    place = {"x": x / width, "y": y / height, "width": w / width, "height": h / height}
    return {**{name: round(value, 4) for name, value in place.items()}, "kind": kind, "source": "detector"}
