"""Bring a decoded picture into eight bits, the right way up and down to a size. Standard library and Pillow only."""

from __future__ import annotations

from PIL import Image

# How EXIF's orientations are undone. libheif turns by itself and its pictures arrive with orientation 1.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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


def shrunk(
    image: Image.Image, size: tuple[int, int], kernel: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    """Resize smoothly; a box reduction first, where the picture is far larger, saves most of the time."""
    return image if image.size == size else image.resize(size, kernel, reducing_gap=2.0)


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
