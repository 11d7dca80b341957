from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageOps

from app.media import picture, pixels, render
from tests.media.pictures import corners, decode, encode, noise, quarters, segments, with_exif

JFIF, DQT, DHT, SOS, EOI, SOF_PROGRESSIVE = 0xE0, 0xDB, 0xC4, 0xDA, 0xD9, 0xC2
SIZES = (1600, 320)
AS_DRAWN = ["red", "green", "blue", "white"]
UNDO = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def one(data: bytes, size: int = 1600) -> Image.Image:
    return decode(render.render(data, [size])[0])


def turned(orientation: int) -> bytes:
    """Give a JPEG whose pixels are turned so that its EXIF orientation sets them upright."""
    upright = quarters()
    if orientation == 1:
        return with_exif(upright, Orientation=1)
    return with_exif(upright.transpose(pixels.TURNS[UNDO[orientation]]), Orientation=orientation)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4000, 3000), [(1600, 1200), (320, 240)]),
        ((3000, 4000), [(1200, 1600), (240, 320)]),
        ((1600, 20), [(1600, 20), (320, 4)]),
        ((1000, 500), [(1000, 500), (320, 160)]),
        ((100, 300), [(100, 300), (100, 300)]),
        ((3000, 1), [(1600, 1), (320, 1)]),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_longest_side_is_as_asked_and_never_larger_than_it_was(
    size: tuple[int, int], expected: list[tuple[int, int]], kind: str
) -> None:
    made = render.render(encode(Image.new("RGB", size), kind), SIZES)

    assert [decode(one).size for one in made] == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_becomes_upright(orientation: int) -> None:
    made = one(turned(orientation))

    assert made.size == (80, 48)
    assert corners(made) == AS_DRAWN


def test_the_letters_of_the_examples_all_stand_upright(photos: Path) -> None:
    upright = one((photos / "orientation_1.jpg").read_bytes()).convert("L")

    for number in (2, 3, 4, 6, 8):
        made = one((photos / f"orientation_{number}.jpg").read_bytes()).convert("L")

        assert made.size == upright.size
        differing = sum(abs(a - b) > 96 for a, b in zip(made.tobytes(), upright.tobytes(), strict=True))
        assert differing < 0.05 * made.width * made.height, number


def test_a_heic_that_libheif_turns_is_not_turned_again(photos: Path) -> None:
    data = (photos / "gps_NE_iphone8_guangzhou.heic").read_bytes()
    angle = data.index(b"irot") + 4
    sideways = data[:angle] + b"\x01" + data[angle + 1 :]

    before, after, found = one(data, 320), one(sideways, 320), picture.probe(sideways)

    assert (found["width"], found["height"], found["orientation"]) == (3024, 4032, 1)
    # irot counts quarters against the clock (ISO/IEC 23008-12, 6.5.10).
    expected = before.transpose(Image.Transpose.ROTATE_90)
    assert after.size == expected.size
    pairs = zip(after.convert("L").tobytes(), expected.convert("L").tobytes(), strict=True)
    assert sum(abs(a - b) for a, b in pairs) / (after.width * after.height) < 8


def test_a_rendition_holds_the_picture_and_nothing_else() -> None:
    exif = Image.Exif()
    exif.update({271: "Camera", 306: "2026:05:01 08:30:00", 274: 6})
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(
        noise(700, 500),
        exif=exif.tobytes(),
        icc_profile=srgb,
        comment=b"a comment",
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>who</x:xmpmeta>",
        dpi=(300, 300),
    )

    for made in render.render(data, SIZES):
        found = list(segments(made))

        assert {marker for marker, _ in found} == {JFIF, DQT, DHT, SOF_PROGRESSIVE, SOS, EOI}
        assert [body for marker, body in found if marker == JFIF] == [b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"]
        assert found[-1] == (EOI, b"")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF"])
def test_metadata_of_another_format_do_not_get_through(kind: str) -> None:
    exif = Image.Exif()
    exif[271] = "Camera"
    options = {"comment": b"a comment"} if kind == "GIF" else {"exif": exif.tobytes()}

    made = render.render(encode(quarters(), kind, **options), [320])[0]

    assert {marker for marker, _ in segments(made)} == {JFIF, DQT, DHT, SOF_PROGRESSIVE, SOS, EOI}


def test_what_is_transparent_becomes_white() -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 20, 40))

    made = one(encode(clear, "PNG"))

    assert corners(made) == ["blue", "white", "blue", "white"]


def test_a_palette_with_a_transparent_colour_is_put_on_white() -> None:
    palette = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    red = palette.getpixel((1, 1))

    made = one(encode(palette, "GIF", transparency=red))

    assert corners(made) == ["white", "green", "blue", "white"]


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (32768, 128), (65535, 255)])
def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(value: int, expected: int) -> None:
    made = one(encode(Image.new("I;16", (64, 64), value), "PNG"), 32)

    assert made.convert("L").getpixel((5, 5)) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_of_png_is_rendered(mode: str) -> None:
    made = one(encode(quarters(2000, 1000).convert(mode), "PNG"))

    assert (made.size, made.mode) == ((1600, 800), "RGB")


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    made = one(encode(quarters().convert("CMYK")))

    assert made.mode == "RGB"
    assert corners(made) == AS_DRAWN


def test_colours_are_converted_by_the_profile_of_the_picture() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile whose first channel is green and whose second is red.
    swapped = profile.replace(b"rXYZ", b"----", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"----", b"gXYZ", 1)

    made = one(encode(quarters(), "PNG", icc_profile=swapped))

    assert corners(made) == ["green", "red", "blue", "white"]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_broken_profile_is_as_good_as_none(mode: str) -> None:
    made = one(encode(quarters().convert(mode), icc_profile=b"not a profile" * 20))

    assert corners(made)[3] == "white"


def test_a_profile_of_another_colour_space_is_as_good_as_none() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    made = one(encode(quarters().convert("CMYK"), icc_profile=srgb))

    assert corners(made) == AS_DRAWN


def test_a_draft_loses_nothing_that_shows() -> None:
    drawn = noise(50, 40).resize((4000, 3200), Image.Resampling.BICUBIC)
    data = encode(drawn, quality=95)

    made = one(data, 320)

    expected = ImageOps.contain(drawn, (320, 320), Image.Resampling.LANCZOS)
    pairs = zip(made.convert("L").tobytes(), expected.convert("L").tobytes(), strict=True)
    assert sum(abs(a - b) for a, b in pairs) / (made.width * made.height) < 3


def test_a_picture_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(picture.Refusal, match="damaged"):
        render.render(encode(noise(200, 200))[:-2000], SIZES)
