"""Pictures made for the tests, and a reader of what a JPEG holds beside the picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
STANDALONE = {0x01, *range(0xD0, 0xD9)}


def encode(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Write a picture to bytes."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def decode(data: bytes) -> Image.Image:
    """Read a picture from bytes."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def quarters(width: int = 80, height: int = 48) -> Image.Image:
    """Draw a picture that looks different however it is turned: a colour in each quarter."""
    image = Image.new("RGB", (width, height), WHITE)
    for box, colour in (
        ((0, 0, width // 2, height // 2), RED),
        ((width // 2, 0, width, height // 2), GREEN),
        ((0, height // 2, width // 2, height), BLUE),
    ):
        image.paste(colour, box)
    return image


def corners(image: Image.Image) -> list[str]:
    """Name the colours of the quarters: top left, top right, bottom left, bottom right."""
    width, height = image.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [_name(image.convert("RGB").getpixel(place)) for place in places]


def _name(pixel: Any) -> str:
    known = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE, "black": (0, 0, 0)}
    return min(known, key=lambda name: sum((a - b) ** 2 for a, b in zip(known[name], pixel, strict=True)))


def noise(width: int, height: int) -> Image.Image:
    """Draw noise: it takes long to decode."""
    return Image.effect_noise((width, height), 80).convert("RGB")


def with_exif(image: Image.Image, *, gps: dict[int, Any] | None = None, **tags: Any) -> bytes:
    """Write a JPEG with EXIF; tags by their name in ExifTags.Base."""
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in tags.items():
        tag = ExifTags.Base[name]
        (details if tag > ExifTags.Base.ExifOffset else exif)[tag] = value
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    return encode(image, exif=exif.tobytes())


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk over the marker segments of a whole JPEG (ITU-T T.81, annex B), those between its scans too."""
    place = 0
    while place < len(data):
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return
        marker = data[place + 1]
        if marker in {0x00, 0xFF} or marker in STANDALONE or marker == 0xD9:
            place += 1 if marker == 0xFF else 2
            if marker == 0xD9:
                yield marker, data[place:]
                return
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        yield marker, data[place + 4 : place + 2 + length]
        place += 2 + length
