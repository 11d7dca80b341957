"""Make renditions: small, upright, sRGB, without any metadata. Runs in the child: standard library and Pillow only."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageCms

from app.media import exif, picture

QUALITY = 80
_SRGB = ImageCms.createProfile("sRGB")
# How EXIF's orientations are undone. libheif turns by itself and its pictures arrive with orientation 1.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def render(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Make one JPEG for each size, the longest side in pixels; none is larger than the picture. Raises Refusal.

    The largest is made from the picture, each smaller one from it. Turning comes after shrinking: it costs less.
    """
    image = picture.open_picture(data)
    largest = fitted(image.size, max(sizes))
    # The aspect-correct size: a square one makes draft stop a step early and costs twice the time.
    image.draft(None, largest)
    picture.load(image)
    turn = _TURNS.get(exif.read(image).orientation)
    small = on_white(in_eight_bits(shrunk(resizable(image), largest)))
    upright = in_srgb(small if turn is None else small.transpose(turn), image.info.get("icc_profile"))
    return [encode(shrunk(upright, fitted(upright.size, size))) for size in sizes]


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Give the size in pixels that has ``longest`` as its longest side; never more than ``size``."""
    ratio = min(1.0, longest / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def resizable(image: Image.Image) -> Image.Image:
    """Give the picture in a mode that can be resized smoothly."""
    if image.mode == "I;16":
        return image.convert("I")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize smoothly; a box reduction first, where the picture is far larger, saves most of the time."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Scale a grey picture of 16 bits; a plain conversion would clip it."""
    if image.mode != "I":
        return image
    return image.point(lambda value: value * (1 / 256)).convert("L")


def on_white(image: Image.Image) -> Image.Image:
    """Put what is transparent on white: JPEG has no transparency."""
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


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
