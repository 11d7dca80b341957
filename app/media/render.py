"""Make renditions: small, upright, sRGB, without any metadata. Runs in the child: standard library and Pillow only."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageCms

from app.media import exif, picture
from app.media.pixels import TURNS, fitted, in_eight_bits, on_white, resizable, shrunk

QUALITY = 80
_SRGB = ImageCms.createProfile("sRGB")


def render(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Make one JPEG for each size, the longest side in pixels; none is larger than the picture. Raises Refusal.

    The largest is made from the picture, each smaller one from it. Turning comes after shrinking: it costs less.
    """
    image = picture.open_picture(data)
    largest = fitted(image.size, max(sizes))
    # The aspect-correct size: a square one makes draft stop a step early and costs twice the time.
    image.draft(None, largest)
    picture.load(image)
    turn = TURNS.get(exif.read(image).orientation)
    small = on_white(in_eight_bits(shrunk(resizable(image), largest)))
    upright = in_srgb(small if turn is None else small.transpose(turn), image.info.get("icc_profile"))
    return [encode(shrunk(upright, fitted(upright.size, size))) for size in sizes]


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB by the picture's own profile; one that is broken or does not fit is as good as none."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


def encode(image: Image.Image) -> bytes:
    """Write a progressive JPEG with nothing but the picture."""
    bare = image.copy()
    # Pillow copies a comment from here into the file.
    bare.info.clear()
    target = io.BytesIO()
    bare.save(target, "JPEG", quality=QUALITY, progressive=True)
    return target.getvalue()
