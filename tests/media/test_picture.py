from __future__ import annotations

import pytest
from PIL import Image

from app.media import picture
from tests.media.pictures import encode, noise, quarters, with_exif


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
        ("GIF", "image/gif"),
    ],
)
def test_a_picture_is_known_by_its_content(kind: str, media_type: str) -> None:
    found = picture.probe(encode(quarters(), kind))

    assert (found["media_type"], found["width"], found["height"]) == (media_type, 80, 48)


def test_several_pictures_in_one_jpeg_are_a_jpeg() -> None:
    data = encode(noise(200, 100), "MPO", save_all=True, append_images=[noise(100, 50)])

    found = picture.probe(data)

    assert (found["media_type"], found["width"], found["height"]) == ("image/jpeg", 200, 100)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM", "ICO", "PDF", "EPS", "TGA"])
def test_formats_that_nobody_needs_are_refused(kind: str) -> None:
    with pytest.raises(picture.Refusal, match="is no picture that can be read"):
        picture.probe(encode(quarters(), kind))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_size_of_a_picture_on_its_side_is_told_as_it_is_shown(orientation: int) -> None:
    found = picture.probe(with_exif(quarters(), Orientation=orientation))

    assert (found["width"], found["height"], found["orientation"]) == (48, 80, orientation)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.2])
def test_a_cut_jpeg_is_noticed_at_an_eighth_of_its_size_too(kept: float, *, progressive: bool) -> None:
    data = encode(noise(1200, 900), quality=85, progressive=progressive)

    with pytest.raises(picture.Refusal, match="cut off"):
        picture.probe(data[: int(len(data) * kept)])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
def test_a_cut_file_of_another_format_is_noticed(kind: str) -> None:
    data = encode(noise(300, 200), kind)

    with pytest.raises(picture.Refusal):
        picture.probe(data[: len(data) // 2])


def test_an_empty_file_is_refused_as_empty() -> None:
    with pytest.raises(picture.Refusal, match="is empty"):
        picture.probe(b"")


@pytest.mark.parametrize(
    "data", [b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"%PDF"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(picture.Refusal):
        picture.probe(data)


def test_the_limit_of_pixels_is_exact() -> None:
    within, beyond = Image.new("1", (10_000, 5_000)), Image.new("1", (10_001, 5_000))

    found = picture.probe(encode(within, "PNG"))

    assert (found["width"], found["height"]) == (10_000, 5_000)
    with pytest.raises(picture.Refusal, match="more than 50 megapixels"):
        picture.probe(encode(beyond, "PNG"))
