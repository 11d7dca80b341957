"""Renditions of a photo of 12 megapixels beside libvips, one thread each, and the memory of a decoder at 50.

The same file in, the same two sizes out, with the same quality, as progressive JPEG and then as WebP too.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image, ImageCms

from app.media import picture, render
from app.media.formats import Format
from app.media.probe import Prober
from app.media.service import SIZES

PHONE = Path("data") / "photos" / "gps_NE_iphone8_guangzhou.heic"
TWELVE = (4032, 3024)
FIFTY = (8160, 6120)  # of phones that write 50 megapixels
TRIAL = (400, 300)
REPEATS = 5
OURS, CHILD, VIPS = "in this process", "in a child", "libvips"
JPEG, BOTH = (Format.JPEG,), tuple(Format)
FORMATS = {"JPEG": JPEG, "JPEG and WebP": BOTH}

Make = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Made:
    """By formats and by who made them: the median in milliseconds of each round; by file: bytes of memory."""

    took: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)


def measure_renditions(shared: Path, rounds: int, *, large: bool, tell: Callable[[str], None]) -> Made:
    """Make renditions in interleaved rounds; then decode 50 megapixels for the memory, or few where not ``large``."""
    photo, made, child = phone_photo(shared), Made(), Prober(1)
    profile = photo.info.get("icc_profile")
    if not large:
        photo = photo.resize(TRIAL)
    data = _encode(photo, "JPEG", quality=92, icc_profile=profile)
    vips = _vips()
    for turn in range(1, rounds + 1):
        for name, formats in FORMATS.items():
            makers = {
                OURS: lambda formats=formats: render.render(data, SIZES, formats),
                CHILD: lambda formats=formats: child.render(data, SIZES, formats),
                VIPS: lambda formats=formats: _by_vips(vips, data, formats),
            }
            for who, took in _round(makers, backwards=turn % 2 == 0).items():
                made.took.setdefault((name, who), []).append(took)
        tell(f"renditions, round {turn} of {rounds}")
    child.close()
    phone = [("12 MP HEIC", (shared / PHONE).read_bytes())] if (shared / PHONE).is_file() else []
    for name, file in [*_large(photo, FIFTY if large else TRIAL), *phone]:
        tell(f"memory of a decoder: {name}")
        made.memory[name] = _memory_of(file)
    return made


def phone_photo(shared: Path) -> Image.Image:
    """Give the photo of a phone, 12 megapixels in Display P3, or where it is not here, one of clouds."""
    path = shared / PHONE
    if path.is_file():
        image = picture.open_picture(path.read_bytes())
        image.load()
        return image
    clouds = Image.effect_noise((504, 378), 90).resize(TWELVE, Image.Resampling.BICUBIC)
    shown = Image.merge("RGB", (clouds, clouds.transpose(Image.Transpose.ROTATE_180), clouds))
    shown.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return shown


def _round(makers: Mapping[str, Make], *, backwards: bool) -> dict[str, float]:
    """Let each make it REPEATS times, one after the other, and give the median in milliseconds."""
    took: dict[str, list[float]] = {who: [] for who in makers}
    for _ in range(REPEATS):
        for who in list(makers)[:: -1 if backwards else 1]:
            began = time.perf_counter()
            makers[who]()
            took[who].append((time.perf_counter() - began) * 1000)
    return {who: median(each) for who, each in took.items()}


def _vips() -> Any:
    """Import libvips with one thread and without its cache of results."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    import pyvips  # noqa: PLC0415  # it reads the environment once

    pyvips.cache_set_max(0)
    return pyvips


def _by_vips(vips: Any, data: bytes, formats: Sequence[Format]) -> list[bytes]:
    """Make the same with libvips: the smaller one from the larger one, turned, in sRGB, without metadata."""
    large, small = SIZES
    first = vips.Image.thumbnail_buffer(data, large, height=large, size="down", export_profile="srgb").copy_memory()
    made = []
    for image in (first, first.thumbnail_image(small, height=small, size="down").copy_memory()):
        made.append(image.jpegsave_buffer(Q=80, interlace=True, keep="none"))
        if Format.WEBP in formats:
            made.append(image.webpsave_buffer(Q=77, effort=2, keep="none"))
    return made


def _large(photo: Image.Image, size: tuple[int, int]) -> list[tuple[str, bytes]]:
    image = photo.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    millions = f"{size[0] * size[1] / 1e6:.0f} MP"
    return [
        (f"{millions} JPEG", _encode(image, "JPEG")),
        (f"{millions} progressive JPEG", _encode(image, "JPEG", progressive=True)),
        (f"{millions} PNG", _encode(image, "PNG", compress_level=1)),
        (f"{millions} PNG with transparency", _encode(image.convert("RGBA"), "PNG", compress_level=1)),
        (f"{millions} WebP", _encode(image, "WEBP", method=0)),
    ]


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def _memory_of(data: bytes) -> int:
    """Give the most memory, in bytes, that a fresh decoder takes to probe and render a file."""
    prober = Prober(1)
    prober.probe(data)
    prober.render(data, SIZES, BOTH)
    child = prober._free.queue[-1]  # noqa: SLF001  # the pool tells nobody of its children
    status = Path("/proc", str(child.process.pid), "status").read_text(encoding="ascii") if child else ""
    prober.close()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
