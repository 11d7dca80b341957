"""Open a picture of unknown origin and decode it once. Runs in the child: standard library and Pillow only."""

from __future__ import annotations

import io
import warnings
from dataclasses import asdict
from typing import Any

import pi_heif
from PIL import Image, UnidentifiedImageError

from app.media import exif
from app.media.likeness import LONG_SIDE, look
from app.media.pixels import fitted

MOST_PIXELS = 50_000_000
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG followed by more: what phones with several lenses write
    "PNG": "image/png",
    "WEBP": "image/webp",
    "HEIF": "image/heif",
    "AVIF": "image/avif",
    "GIF": "image/gif",
}
TOO_MUCH_MEMORY = "needs too much memory to decode. Send a smaller copy."
_KINDS = "JPEG, PNG, WebP, HEIC, AVIF or GIF"

pi_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


class Refusal(Exception):
    """Why a picture is not taken: the rest of a sentence that begins with the file's name."""


def open_picture(data: bytes) -> Image.Image:
    """Find out by its content what a file is and read its header; nothing is decoded yet. Raises Refusal."""
    if not data:
        raise Refusal("is empty. Send it again.")
    try:
        with warnings.catch_warnings():
            # Of a broken EXIF Pillow warns: it stops no good picture.
            warnings.simplefilter("ignore")
            # Pillow warns up to twice the limit and refuses beyond it: here the limit is the limit.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=tuple(kind for kind in MEDIA_TYPES if kind != "MPO"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Refusal(f"has more than {MOST_PIXELS // 1_000_000} megapixels. Send a smaller copy.") from error
    except UnidentifiedImageError as error:
        raise Refusal(f"is no picture that can be read. Send {_KINDS}.") from error
    except Exception as error:
        raise damaged(error) from error


def load(image: Image.Image) -> None:
    """Decode the first frame. Raises Refusal where the data are damaged, cut off or ask for too much memory."""
    try:
        image.load()
    except MemoryError as error:
        raise Refusal(TOO_MUCH_MEMORY) from error
    except Exception as error:
        raise damaged(error) from error


def damaged(error: Exception) -> Refusal:
    """Say that the file is broken. Decoders raise anything at hostile data, so every exception ends here."""
    refusal = Refusal("is damaged or was cut off on its way. Send it again.")
    refusal.add_note(repr(error)[:200])
    return refusal


def probe(data: bytes) -> dict[str, Any]:
    """Decode a picture once and say what it is: media type, size in pixels as shown, facts of its EXIF, its looks.

    JPEG is decoded at an eighth of its size: that still reads the whole entropy-coded stream, so that a cut shows
    just as well, at a third to a half of the time (12 megapixels: 35 for 87 ms; docs/decisions/0003). A smaller one
    keeps the pixels that its looks need.
    """
    image = open_picture(data)
    width, height = image.size
    media_type = MEDIA_TYPES[image.format or ""]
    least = fitted(image.size, LONG_SIDE)
    image.draft(None, (max(width // 8, least[0]), max(height // 8, least[1])))
    load(image)
    # After the load: PNG may bring its EXIF behind the picture.
    facts = exif.read(image)
    looks = look(image, facts.orientation)
    if facts.orientation in exif.SIDEWAYS:
        width, height = height, width
    return {"media_type": media_type, "width": width, "height": height, **asdict(facts), **asdict(looks)}
