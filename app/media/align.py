"""Bring the pictures of before and after a repair into one frame, so that one can be laid over the other.

Where both show the same scene, after is moved onto before: ORB features (Rublee et al., ICCV 2011), a homography or a
similarity by RANSAC, then the area that both show. Where that fails, both are cropped about their centres. Runs in the
child that has OpenCV (app/media/detect.py) and sees masked renditions only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from PIL import Image

from app.media import picture
from app.media.pixels import fitted, shrunk
from app.media.render import encode

# Features are looked for in pictures of this size: finer ones are noise and foliage that moved since.
_LONGEST = 960
_FEATURES = 4000
# A match counts where it is clearly better than the second best (Lowe, IJCV 2004), and an inlier lies this near.
_RATIO = 0.8
_NEAR_PX = 4.0
# Wholly different pictures gave up to 9 inliers; the same street in other light gave hundreds.
LEAST_INLIERS = 30
# A camera's watermark or one sign is the same in both and says nothing of the rest: inliers must lie all over.
LEAST_SPREAD = 0.2
LEAST_SCALE, MOST_SCALE = 0.5, 2.0
MOST_TURN = math.radians(30)
# How much longer one direction may become than the other: a repair is photographed from about the same side.
MOST_STRETCH = 1.6
LEAST_COMMON = 0.6
# What is left of a frame that is turned is a rectangle within: less than this is a detail.
LEAST_SHOWN = 0.4
# The rectangle is looked for on a grid.
_CELLS = 200
_MARGIN = 2

Box: TypeAlias = tuple[int, int, int, int]
# Arrays of NumPy: it is imported in this child alone, and so late that no type is at hand.
Matrix: TypeAlias = Any


def align(before: bytes, after: bytes, sizes: Sequence[int]) -> tuple[bool, tuple[int, int], list[bytes]]:
    """Give whether both have one frame now, the size of the largest, and a JPEG of each for each size, before first.

    Raises Refusal.
    """
    first, second = _open(before), _open(after)
    found = overlay(first, second)
    shown = found or centred(first, second)
    size = fitted(shown[0].size, max(sizes))
    return found is not None, size, [encode(shrunk(one, fitted(one.size, each))) for one in shown for each in sizes]


def overlay(before: Image.Image, after: Image.Image) -> tuple[Image.Image, Image.Image] | None:
    """Crop both to the area that both show, after moved onto before; None where they do not show the same scene."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    points = _matches(before, after)
    for matrix in _candidates(*points, before.size):
        box = _common(matrix, before.size, after.size) if _is_sane(matrix, before.size, after.size) else None
        if box is not None:
            left, top, right, bottom = box
            moved = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], float) @ matrix
            pixels = cv2.warpPerspective(np.asarray(after), moved, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
            return before.crop(box), Image.fromarray(pixels)
    return None


def centred(before: Image.Image, after: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Crop both about their centres to the mean of their shapes, and give them one size, that of the smaller."""
    # The geometric mean: each loses the same share.
    shape = math.sqrt(before.width / before.height * after.width / after.height)
    crops = [_cropped(one, shape) for one in (before, after)]
    size = min((crop.size for crop in crops), key=lambda each: each[0])
    return shrunk(crops[0], size), shrunk(crops[1], size)


def largest_rectangle(rows: Sequence[Sequence[int]]) -> Box:
    """Find the largest rectangle of ones: left, top, right, bottom. Each row ends a histogram of the columns so far."""
    best, heights = (0, 0, 0, 0), [0] * len(rows[0])
    for bottom, row in enumerate(rows, 1):
        heights = [height + 1 if cell else 0 for height, cell in zip(heights, row, strict=True)]
        found = max(_under(heights), key=lambda each: (each[1] - each[0]) * each[2])
        if (found[1] - found[0]) * found[2] > (best[2] - best[0]) * (best[3] - best[1]):
            best = (found[0], bottom - found[2], found[1], bottom)
    return best


def _under(heights: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Give the widest rectangle below each height of a histogram: left, right, height."""
    open_: list[tuple[int, int]] = []
    for right, height in enumerate((*heights, 0)):
        left = right
        while open_ and open_[-1][1] >= height:
            left, top = open_.pop()
            yield left, right, top
        open_.append((left, height))


def _open(data: bytes) -> Image.Image:
    image = picture.open_picture(data)
    picture.load(image)
    return image.convert("RGB")


def _cropped(image: Image.Image, shape: float) -> Image.Image:
    width = min(image.width, max(1, round(image.height * shape)))
    height = min(image.height, max(1, round(image.width / shape)))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _matches(before: Image.Image, after: Image.Image) -> tuple[Matrix, Matrix]:
    """Give points of after and the same points of before, in pixels of each."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    (here, these), (there, those) = _features(before), _features(after)
    if these is None or those is None:
        return np.empty((0, 2)), np.empty((0, 2))
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(those, these, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]  # noqa: PLR2004
    # Each point of before once: what repeats (a fence, windows) would vote for itself many times.
    once = {match.trainIdx: match for match in sorted(good, key=lambda match: -match.distance)}.values()
    return (
        np.array([there[match.queryIdx] for match in once]).reshape(-1, 2),
        np.array([here[match.trainIdx] for match in once]).reshape(-1, 2),
    )


def _features(image: Image.Image) -> tuple[Matrix, Matrix]:
    """Give the places of features in pixels of the picture, and what each looks like."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    small = shrunk(image, fitted(image.size, _LONGEST)).convert("L")
    # Night and day: the contrast is made equal all over, as corners are found by a fixed one.
    grey = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(np.asarray(small))
    points, looks = cv2.ORB.create(nfeatures=_FEATURES, fastThreshold=12).detectAndCompute(grey, None)
    ratio = image.width / small.width
    return np.array([point.pt for point in points], float) * ratio, looks


def _candidates(there: Matrix, here: Matrix, size: tuple[int, int]) -> Iterator[Matrix]:
    """Give the maps of after onto before that enough matches agree on; the freer one first."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    if len(there) < LEAST_INLIERS:
        return
    near = _NEAR_PX * max(1.0, max(size) / _LONGEST)
    free, agree = cv2.findHomography(there, here, cv2.USAC_MAGSAC, near, maxIters=5000, confidence=0.999)
    if free is not None and _is_enough(here[agree.ravel() == 1], size):
        yield free
    rigid, agree = cv2.estimateAffinePartial2D(there, here, method=cv2.RANSAC, ransacReprojThreshold=near)
    if rigid is not None and _is_enough(here[agree.ravel() == 1], size):
        yield np.vstack([rigid, [0, 0, 1]])


def _is_enough(inliers: Matrix, size: tuple[int, int]) -> bool:
    """Tell whether the inliers are many, and lie all over the picture."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    if len(inliers) < LEAST_INLIERS:
        return False
    hull = cv2.convexHull(inliers.astype(np.float32))
    return bool(cv2.contourArea(hull) >= LEAST_SPREAD * size[0] * size[1])


def _is_sane(matrix: Matrix, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Tell whether a camera that was held about the same way can have moved like this, everywhere in the frame."""
    import numpy as np  # noqa: PLC0415

    # Scale is that of the scene in the frame: one picture may just have fewer pixels.
    unit = max(after) / max(before)
    for x, y in (*_corners(after), (after[0] / 2, after[1] / 2)):
        across, down, depth = matrix @ (x, y, 1.0)
        if depth <= 0:
            return False
        rates = matrix[:2, :2] / depth - np.outer((across, down), matrix[2, :2]) / depth**2
        long, short = np.linalg.svd(rates, compute_uv=False)
        turn = math.atan2(rates[1, 0] - rates[0, 1], rates[0, 0] + rates[1, 1])
        scale = unit * math.sqrt(long * short)
        fits = LEAST_SCALE <= scale <= MOST_SCALE and abs(turn) < MOST_TURN and long <= MOST_STRETCH * short
        if not fits or np.linalg.det(rates) <= 0:
            return False
    return True


def _common(matrix: Matrix, before: tuple[int, int], after: tuple[int, int]) -> Box | None:
    """Give the largest box of before that after covers whole; None where too little is common to both."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    moved = cv2.perspectiveTransform(np.array([_corners(after)], np.float32), matrix)[0]
    frame = np.array(_corners(before), np.float32)
    area, _ = cv2.intersectConvexConvex(moved, frame)
    if area < LEAST_COMMON * before[0] * before[1]:
        return None
    cell = max(before) / _CELLS
    # With a margin around the frame: what the edge of after only touches is no part of it, at the frame's own edge too.
    grid = np.zeros((math.floor(before[1] / cell) + 2 * _MARGIN, math.floor(before[0] / cell) + 2 * _MARGIN), np.uint8)
    cv2.fillConvexPoly(grid, np.floor(moved / cell + _MARGIN).astype(np.int32), 1)
    rows = cv2.erode(grid, np.ones((3, 3), np.uint8))[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN].tolist()
    left, top, right, bottom = (math.floor(edge * cell) for edge in largest_rectangle(rows))
    enough = (right - left) * (bottom - top) >= LEAST_SHOWN * before[0] * before[1]
    return (left, top, right, bottom) if enough else None


def _corners(size: tuple[int, int]) -> list[tuple[float, float]]:
    width, height = size
    return [(0, 0), (width, 0), (width, height), (0, height)]
