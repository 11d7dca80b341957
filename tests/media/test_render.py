from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from PIL import Image, ImageCms, ImageOps

from app.media import picture, pixels, render
from app.media.formats import Format
from tests.media import profiles
from tests.media.containers import chunks, extras
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


def test_no_rendition_of_any_good_photo_holds_metadata(photos: Path) -> None:
    with (photos / "MANIFEST.csv").open(newline="") as lines:
        good = [row["file"] for row in csv.DictReader(lines) if not row["pillow_error"]]

    held = {}
    for name in good:
        for variant, made in enumerate(render.render((photos / name).read_bytes(), SIZES, tuple(Format))):
            held[name, variant] = extras(made)

    assert len(held) == 20 * 4
    assert {variant: found for variant, found in held.items() if found} == {}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF"])
def test_metadata_of_another_format_do_not_get_through(kind: str) -> None:
    exif = Image.Exif()
    exif[271] = "Camera"
    options = {"comment": b"a comment"} if kind == "GIF" else {"exif": exif.tobytes()}

    jpeg, webp = render.render(encode(quarters(), kind, **options), [320], tuple(Format))

    assert {marker for marker, _ in segments(jpeg)} == {JFIF, DQT, DHT, SOF_PROGRESSIVE, SOS, EOI}
    assert [name for name, _ in chunks(webp)] == [b"VP8 "]


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


COLOURS = [(200, 100, 50), (255, 0, 0), (120, 180, 90), (30, 60, 140), (128, 128, 128), (255, 255, 255)]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("profile", "convert"),
    [(profiles.DISPLAY_P3, profiles.from_p3), (profiles.ADOBE_RGB, profiles.from_adobe)],
    ids=["Display P3", "Adobe RGB"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF", "WEBP"])
def test_colours_of_phones_and_cameras_become_those_of_srgb(
    kind: str, profile: bytes, convert: Callable[[profiles.Row], profiles.Row], colour: tuple[int, int, int]
) -> None:
    data = encode(Image.new("RGB", (64, 64), colour), kind, quality=95, icc_profile=profile)

    made = [decode(found) for found in render.render(data, [32], tuple(Format))]

    for found in made:
        assert found.convert("RGB").getpixel((9, 9)) == pytest.approx(convert(colour), abs=4)
        assert "icc_profile" not in found.info


@pytest.mark.parametrize("ink", profiles.INKS)
def test_inks_become_the_colours_that_their_profile_says(ink: tuple[int, ...]) -> None:
    data = encode(Image.new("CMYK", (64, 64), ink), quality=95, icc_profile=profiles.CMYK)

    made = one(data).getpixel((9, 9))

    assert made == pytest.approx(profiles.from_lab(profiles.INKS[ink]), abs=6)


def test_the_heic_of_a_phone_has_the_colours_of_its_display_p3(photos: Path) -> None:
    data = (photos / "gps_NE_iphone8_guangzhou.heic").read_bytes()
    raw = picture.open_picture(data).convert("RGB").resize((16, 12), Image.Resampling.BOX)

    made = one(data, 320).resize((16, 12), Image.Resampling.BOX)

    before, found = ([image.getpixel((x, y)) for x in range(16) for y in range(12)] for image in (raw, made))
    expected = [profiles.from_p3(cast("profiles.Row", colour)) for colour in before]
    assert all(one == pytest.approx(other, abs=6) for one, other in zip(found, expected, strict=True))
    assert any(one != pytest.approx(other, abs=6) for one, other in zip(found, before, strict=True))


def test_a_turned_photo_of_a_phone_has_its_colours_too() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = encode(Image.new("RGB", (64, 32), (200, 100, 50)), icc_profile=profiles.DISPLAY_P3, exif=exif.tobytes())

    made = one(data)

    assert made.size == (32, 64)
    assert made.getpixel((9, 9)) == pytest.approx(profiles.from_p3((200, 100, 50)), abs=4)


@pytest.mark.parametrize("place", range(0, 520, 13))
def test_no_damage_to_a_profile_stops_a_picture(place: int) -> None:
    profile = bytearray(profiles.DISPLAY_P3)
    profile[place] ^= 0xFF

    assert one(encode(quarters(), icc_profile=bytes(profile))).size == (80, 48)


@pytest.mark.parametrize("length", [0, 1, 4, 127, 128, 131, 132, 200, 300])
def test_a_profile_that_was_cut_off_stops_no_picture(length: int) -> None:
    for profile, mode in ((profiles.DISPLAY_P3, "RGB"), (profiles.CMYK, "CMYK")):
        made = one(encode(quarters().convert(mode), icc_profile=profile[:length]))

        assert corners(made)[3] == "white"


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
