from __future__ import annotations

import random
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter

from app.media import likeness, picture
from app.media.pixels import TURNS
from tests.media.pictures import encode, noise, with_exif
from tests.media.test_render import UNDO


def scene(seed: int = 1, size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    """Draw a scene of its own: boxes of all shades."""
    chance = random.Random(seed)
    image = Image.new("RGB", size, "gray")
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        shade = tuple(chance.randrange(256) for _ in range(3))
        pen.rectangle((x, y, x + chance.randrange(40, 500), y + chance.randrange(40, 500)), fill=shade)
    return image


def dhash(data: bytes) -> int:
    found = picture.probe(data)["dhash"]
    assert isinstance(found, int)
    return found


def bits(one: int, other: int) -> int:
    return ((one ^ other) & (1 << 64) - 1).bit_count()


@pytest.mark.parametrize("seed", range(8))
def test_a_picture_saved_again_or_made_smaller_keeps_its_hash(seed: int) -> None:
    image = scene(seed)
    before = dhash(encode(image, quality=95))

    assert bits(before, dhash(encode(image, quality=40))) <= 1
    assert bits(before, dhash(encode(image.resize((800, 600)), quality=80))) <= 2
    assert bits(before, dhash(encode(image, "PNG"))) <= 1
    assert bits(before, dhash(encode(image, "WEBP"))) <= 3


def test_other_pictures_have_far_other_hashes() -> None:
    hashes = [dhash(encode(scene(seed, (800, 600)))) for seed in range(30)]

    nearest = min(bits(one, other) for place, one in enumerate(hashes) for other in hashes[:place])

    assert nearest > 10


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_that_exif_turns_has_the_hash_of_the_upright_one(orientation: int) -> None:
    upright = scene()
    turned = upright.transpose(TURNS[UNDO[orientation]])

    found = dhash(with_exif(turned, Orientation=orientation))

    assert bits(found, dhash(encode(upright))) <= 1
    assert bits(found, dhash(encode(turned))) > 10


def test_the_hash_is_a_number_that_a_signed_column_takes() -> None:
    hashes = [dhash(encode(scene(seed, (800, 600)))) for seed in range(12)]

    assert all(-(1 << 63) <= one < 1 << 63 for one in hashes)
    assert {one < 0 for one in hashes} == {True, False}


def test_the_bits_say_which_field_is_darker_than_its_right_one_column_by_column() -> None:
    fields = Image.new("L", (9, 8), 100)
    for row in range(8):
        fields.putpixel((1, row), 200)
    fields.putpixel((8, 7), 255)

    # The second column is brighter than the first: the first eight bits. So is the last field than its left one.
    assert likeness.dhash_of(fields) == -(1 << 56) + 1


@pytest.mark.parametrize("colour", ["black", "white", "gray", "#102030"])
def test_a_picture_of_one_colour_is_like_no_other(colour: str) -> None:
    found = picture.probe(encode(Image.new("RGB", (640, 480), colour)))

    assert found["dhash"] is None
    assert found["sharpness"] == 0


@pytest.mark.parametrize("angle", [0, 90, 180])
def test_a_slope_of_light_is_like_no_other(angle: int) -> None:
    slope = Image.linear_gradient("L").resize((640, 640)).rotate(angle + 90)

    assert picture.probe(encode(slope))["dhash"] is None


def test_a_dark_photo_full_of_noise_is_like_no_other() -> None:
    dark = noise(800, 600).point(lambda value: value // 16)

    assert picture.probe(encode(dark))["dhash"] is None


def test_a_blurred_picture_is_less_sharp_at_any_size() -> None:
    image = scene(size=(3200, 2400))

    def measured(one: Image.Image) -> float:
        return float(picture.probe(encode(one, quality=90))["sharpness"])

    blurred = [measured(image.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 8, 16, 32)]

    assert blurred == sorted(blurred, reverse=True)
    assert blurred[0] > 50 * blurred[3]
    assert measured(image.resize((1600, 1200))) == pytest.approx(blurred[0], rel=0.2)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "1"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "RGBA"), ("PNG", "I;16"), ("JPEG", "CMYK"), ("JPEG", "L")],
)
def test_pictures_of_every_mode_have_looks(kind: str, mode: str) -> None:
    grey = scene().convert("L")
    image = grey.convert("I").point(lambda value: value * 256).convert("I;16") if mode == "I;16" else grey.convert(mode)

    found = picture.probe(encode(image, kind))

    assert bits(found["dhash"], dhash(encode(scene()))) <= 3
    assert found["sharpness"] > 100


@pytest.mark.parametrize("size", [(1, 1), (2, 2000), (1, 300), (3, 3)])
def test_the_smallest_pictures_stop_nothing(size: tuple[int, int]) -> None:
    found = picture.probe(encode(noise(*size), "PNG"))

    assert (found["width"], found["height"]) == size
    assert (found["sharpness"] is None) == (min(likeness.grey_of(noise(*size)).size) < 3)


def test_a_picture_that_cannot_be_looked_at_is_taken_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        size = (10, 10)

        def __getattr__(self, name: str) -> Any:
            raise MemoryError

    broken: Any = Broken()

    assert likeness.look(broken, 1) == likeness.Looks(None, None)
