from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from app.media.align import largest_rectangle
from app.media.probe import Aligned, HaarDetector, Prober, Undecodable
from tests.media.pictures import decode, encode, quarters, segments

SIZES = (1600, 320)
SCENE = (2000, 1500)
# Pure colours: gamma leaves them alone, and no photo has a disc of them.
DISCS = {(255, 0, 255): (800, 600), (0, 255, 255): (1250, 640), (255, 255, 0): (820, 920), (0, 0, 255): (1230, 900)}
RADIUS = 22


@pytest.fixture(scope="module")
def aligner() -> Iterator[HaarDetector]:
    aligner = HaarDetector()
    yield aligner
    aligner.close()


@pytest.fixture(scope="module", params=["gps_NE_iphone8_guangzhou.heic", "sz_yuehai_SYNTHETIC_GPS.jpg"])
def scene(request: pytest.FixtureRequest, photos: Path, prober: Prober) -> Image.Image:
    """Give a real photo with four discs whose places are known."""
    (shown,) = prober.render((photos / request.param).read_bytes(), [max(SCENE)])
    image = decode(shown).resize(SCENE, Image.Resampling.BICUBIC)
    # Paler, so that nothing in it has the pure colour of a disc.
    image = ImageEnhance.Color(image).enhance(0.4)
    draw = ImageDraw.Draw(image)
    for colour, (x, y) in DISCS.items():
        draw.ellipse((x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), colour)
    return image


def take(
    scene: Image.Image,
    shift: tuple[float, float] = (0, 0),
    scale: float = 1.0,
    turn: float = 0.0,
    size: tuple[int, int] = (1200, 900),
) -> Image.Image:
    """Photograph a scene about its middle: ``scale`` 1.2 stands farther away, ``turn`` is in degrees."""
    across, down = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
    x, y = scene.width / 2 + shift[0], scene.height / 2 + shift[1]
    left, top = x - (across * size[0] - down * size[1]) / 2, y - (down * size[0] + across * size[1]) / 2
    data = (across, -down, left, down, across, top)
    return scene.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def find_disc(image: Image.Image, colour: Sequence[int]) -> tuple[float, float] | None:
    """Give the middle of a disc in pixels, None where it is not in the picture whole."""
    pixels = np.asarray(image).astype(np.int16)
    rows, columns = (np.abs(pixels - colour).max(axis=2) < 70).nonzero()
    return (float(columns.mean()), float(rows.mean())) if len(rows) >= 300 else None


def distances(made: Aligned) -> list[float]:
    """Give how far apart each disc lies in the two pictures, in pixels of the large ones."""
    before, after = decode(made.before[0]), decode(made.after[0])
    found = [(find_disc(before, colour), find_disc(after, colour)) for colour in DISCS]
    return [math.dist(one, other) for one, other in found if one and other]


def align(aligner: HaarDetector, before: Image.Image, after: Image.Image) -> Aligned:
    return aligner.align(encode(before, quality=90), encode(after, quality=90), SIZES)


MOVED = {
    "shifted": {"shift": (120, -60)},
    "nearer": {"scale": 0.87},
    "farther": {"scale": 1.2},
    "turned": {"turn": 10},
    "turned a lot": {"turn": 24},
    "all of it": {"shift": (70, 30), "scale": 1.1, "turn": -6},
    "a smaller picture": {"shift": (50, 0), "scale": 1200 / 900, "size": (900, 675)},
}


@pytest.mark.parametrize("moved", MOVED.values(), ids=MOVED.keys())
def test_what_was_taken_from_elsewhere_lies_on_the_first_picture(
    aligner: HaarDetector, scene: Image.Image, moved: dict[str, float]
) -> None:
    before, after = take(scene), take(scene, **moved)  # type: ignore[arg-type]

    made = align(aligner, before, after)

    apart = distances(made)
    assert made.aligned
    assert len(apart) >= 3
    assert max(apart) < 1


@pytest.mark.parametrize("gamma", [0.45, 2.4])
def test_other_light_does_not_matter(aligner: HaarDetector, scene: Image.Image, gamma: float) -> None:
    before, after = take(scene), take(scene, (50, 20), turn=3)
    lit = after.point([round(255 * (value / 255) ** gamma) for value in range(256)] * 3)

    made = align(aligner, before, lit)

    assert made.aligned
    assert max(distances(made)) < 1


def test_what_was_repaired_in_the_middle_does_not_matter(aligner: HaarDetector, scene: Image.Image) -> None:
    before, after = take(scene), take(scene, (50, 20), turn=3)
    # Between the discs, a quarter of the picture is another thing now.
    ImageDraw.Draw(after).rectangle((420, 330, 760, 570), "orange")

    made = align(aligner, before, after)

    assert made.aligned
    assert max(distances(made)) < 1


def test_both_have_one_size_and_no_edge_of_the_moved_picture_is_seen(aligner: HaarDetector, scene: Image.Image) -> None:
    bright = scene.point([128 + value // 2 for value in range(256)] * 3)

    made = align(aligner, take(bright), take(bright, (60, 40), turn=12))

    large, small = decode(made.before[0]), decode(made.before[1])
    assert made.aligned
    assert large.size == decode(made.after[0]).size == (made.width, made.height)
    assert small.size == decode(made.after[1]).size
    assert max(small.size) == 320
    # Beyond its edge a moved picture is black; within, JPEG lets single dots beside a hard edge be darker than both.
    shown = np.asarray(decode(made.after[0])).min(axis=2)
    assert min(edge.min() for edge in (shown[:3], shown[-3:], shown[:, :3], shown[:, -3:])) > 70
    assert np.count_nonzero(shown < 70) < 20


def test_pictures_are_not_made_larger_than_they_are(aligner: HaarDetector) -> None:
    made = aligner.align(encode(quarters(200, 100)), encode(quarters(300, 150)), SIZES)

    assert (made.width, made.height) == (200, 100)
    assert {decode(one).size for one in (*made.before, *made.after)} == {(200, 100)}


def watermarked(image: Image.Image) -> Image.Image:
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    for line in range(6):
        draw.text((20, 700 + line * 30), f"2026-11-23 10:00 made-up camera {line * 7919}", "white", font_size=26)
    return marked


@pytest.mark.parametrize("mark", [False, True], ids=["plain", "with the watermark of one camera"])
def test_another_place_is_not_laid_over_it(
    aligner: HaarDetector, photos: Path, prober: Prober, scene: Image.Image, mark: bool
) -> None:
    (other,) = prober.render((photos / "gps_NW_canon600d.jpg").read_bytes(), [1600])
    before, after = take(scene), decode(other).resize((1200, 900), Image.Resampling.BICUBIC)

    made = align(aligner, *((watermarked(before), watermarked(after)) if mark else (before, after)))

    assert not made.aligned
    assert decode(made.before[0]).size == decode(made.after[0]).size == (1200, 900)


BEYOND = {
    "turned too far": {"turn": 40},
    "little in common": {"shift": (560, 0)},
    "a detail": {"scale": 0.45},
}


@pytest.mark.parametrize("moved", BEYOND.values(), ids=BEYOND.keys())
def test_what_would_have_to_be_moved_too_far_is_left_alone(
    aligner: HaarDetector, scene: Image.Image, moved: dict[str, float]
) -> None:
    after = take(scene, **moved)  # type: ignore[arg-type]

    made = align(aligner, take(scene), after)

    assert not made.aligned


def test_an_upright_and_a_lying_picture_are_cropped_to_a_square_about_their_middles(aligner: HaarDetector) -> None:
    upright, lying = quarters(300, 400), quarters(800, 600)

    made = aligner.align(encode(upright), encode(lying), SIZES)

    assert not made.aligned
    assert (made.width, made.height) == (300, 300)
    for picture in (*made.before, *made.after):
        # The middle of the four colours is the middle of the crop.
        pixel = decode(picture).convert("RGB").getpixel
        assert [max(pixel(place)) > 200 for place in ((140, 140), (160, 160))] == [True, True]  # type: ignore[arg-type]
        assert pixel((140, 140)) != pixel((160, 160))


def test_pairs_hold_no_metadata(aligner: HaarDetector) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    named = encode(quarters(), exif=exif.tobytes(), comment=b"a secret")

    made = aligner.align(named, named, SIZES)

    for picture in (*made.before, *made.after):
        # APP0 is JFIF's own; no other application segment, no comment.
        assert {marker for marker, _ in segments(picture)}.isdisjoint({*range(0xE1, 0xF0), 0xFE})
        assert b"secret" not in picture


def test_what_is_no_picture_is_refused_and_the_child_lives_on(aligner: HaarDetector) -> None:
    with pytest.raises(Undecodable):
        aligner.align(encode(quarters()), b"no picture", SIZES)

    assert not aligner.align(encode(quarters()), encode(quarters()), SIZES).aligned


@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(st.lists(st.integers(0, 1), min_size=width, max_size=width), min_size=1, max_size=6)
    )
)
def test_the_largest_rectangle_is_the_largest(rows: list[list[int]]) -> None:
    width, height = len(rows[0]), len(rows)
    boxes = [
        (left, top, right, bottom)
        for left in range(width)
        for right in range(left + 1, width + 1)
        for top in range(height)
        for bottom in range(top + 1, height + 1)
        if all(rows[y][x] for y in range(top, bottom) for x in range(left, right))
    ]

    left, top, right, bottom = largest_rectangle(rows)

    assert all(rows[y][x] for y in range(top, bottom) for x in range(left, right))
    most = max(((box[2] - box[0]) * (box[3] - box[1]) for box in boxes), default=0)
    assert (right - left) * (bottom - top) == most
