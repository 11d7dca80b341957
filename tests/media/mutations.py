"""Files that are nearly pictures: mutations of good ones, each made again by its number alone."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.media.pictures import encode, with_exif
from tests.media.profiles import CMYK, DISPLAY_P3

# Numbers at which arithmetic of lengths, sizes and offsets goes wrong.
EDGES = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000)
HUGE = (0xFFFFFFFE, 0xFFFFFFFF)
# Where most of what a decoder decides stands.
HEAD = 4096
TIFF = re.compile(rb"II\*\x00|MM\x00\*")
_MOST_ENTRIES = 200

Chance = random.Random


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file that was mutated: which one, how, and its bytes."""

    number: int
    parent: str
    how: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.number} ({self.parent}, {self.how}, {len(self.data):,} bytes)"


def read_parents(folder: Path) -> dict[str, bytes]:
    """Give the files of a folder, and of formats and contents that none of them has one each."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".csv"}
    image = Image.open(folder / "plain.png").convert("RGB")
    exif = with_exif(image, Orientation=6, DateTimeOriginal="2026:05:01 08:30:00", gps={1: "N", 2: (22.0, 30.0, 36.0)})
    frames = [image.transpose(Image.Transpose.ROTATE_90)]
    return found | {
        "made.avif": encode(image, "AVIF", icc_profile=DISPLAY_P3),
        "made_exif.jpg": exif,
        "made_progressive.jpg": encode(image, progressive=True, icc_profile=DISPLAY_P3, comment=b"words"),
        "made_cmyk.jpg": encode(image.convert("CMYK"), icc_profile=CMYK),
        "made_16_bits.png": encode(Image.new("I;16", (64, 64), 4096), "PNG"),
        "made_palette.png": encode(image.quantize(16), "PNG", transparency=3, interlace=1),
        "made_lossless.webp": encode(image.convert("RGBA"), "WEBP", lossless=True, icc_profile=DISPLAY_P3),
        "made_moving.webp": encode(image, "WEBP", save_all=True, append_images=frames),
        "made_moving.gif": encode(image, "GIF", save_all=True, append_images=frames),
    }


def mutate(number: int, parents: Mapping[str, bytes]) -> Mutant:
    """Give the mutant of this number: one to three mutations of one of the files."""
    chance = Chance(number)
    parent = chance.choice(list(parents))
    data, names = parents[parent], []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        name = chance.choice(list(MUTATIONS))
        data = MUTATIONS[name](data, chance, list(parents.values()))
        names.append(name)
    return Mutant(number, parent, " + ".join(names), data)


def _flip(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _count in range(chance.choice((1, 2, 4, 16, 64))):
        if changed:
            changed[_place(changed, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _splice(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _remove(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    place = _place(data, chance)
    return data[:place] + data[place + chance.randrange(1, 2000) :]


def _repeat(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    place = _place(data, chance)
    return data[:place] + data[place : place + chance.randrange(1, 200)] * chance.randrange(2, 50) + data[place:]


def _overwrite(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    place, length = _place(data, chance), chance.choice((1, 4, 32, 500))
    run = chance.choice((b"\x00" * length, b"\xff" * length, chance.randbytes(length)))
    return data[:place] + run + data[place + length :]


def _edge(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    return _write_number(data, _place(data, chance), chance)


def _length(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    """Write another number where a length or a size stands."""
    places = _lengths(data)
    return _write_number(data, chance.choice(places), chance) if places else data


def _lengths(data: bytes) -> list[int]:
    """Give the places of length fields: behind JPEG's and RIFF's marks, before the names of PNG's and HEIF's parts."""
    head = data[: 1 << 16]
    if head[:2] == b"\xff\xd8":
        return [found.end() for found in re.finditer(rb"\xff[\xc0-\xcf\xda-\xdd\xe0-\xef\xfe]", head)]
    if head[:4] in {b"RIFF", b"GIF8"}:
        return [found.end() for found in re.finditer(rb"RIFF|VP8[ LX]|ICCP|EXIF|AN[IM][MF]|ALPH|GIF8..|[!,]", head)]
    return [found.start() - 4 for found in re.finditer(rb"[a-zA-Z]{4}", head) if found.start() >= 4]


def _tag(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    """Change a field of an entry in EXIF's directories: its tag, type, count or value."""
    found = TIFF.search(data)
    entries = _entries(data, found.start()) if found else []
    if not found or not entries:
        return data
    order = "little" if found[0][:1] == b"I" else "big"
    offset, width = chance.choice(((0, 2), (2, 2), (4, 4), (8, 4)))
    place = chance.choice(entries) + offset
    value = chance.choice((*EDGES, *HUGE, chance.getrandbits(32))) % (1 << 8 * width)
    return data[:place] + value.to_bytes(width, order) + data[place + width :]  # type: ignore[arg-type]


def _entries(data: bytes, start: int) -> list[int]:
    """Give the places of the entries of a TIFF structure's directories."""
    order = "<" if data[start : start + 1] == b"I" else ">"
    found: list[int] = []
    waiting, seen = [_number(data, start + 4, order + "I")], set()
    while waiting and len(found) < _MOST_ENTRIES:
        place = waiting.pop()
        if place in seen or start + place + 2 > len(data):
            continue
        seen.add(place)
        count = min(_number(data, start + place, order + "H"), _MOST_ENTRIES)
        entries = [start + place + 2 + 12 * each for each in range(count)]
        found += [entry for entry in entries if entry + 12 <= len(data)]
        pointers = [entry for entry in entries if _number(data, entry, order + "H") in {0x8769, 0x8825, 0xA005}]
        waiting += [_number(data, entry + 8, order + "I") for entry in pointers]
    return found


def _number(data: bytes, place: int, form: str) -> int:
    size = struct.calcsize(form)
    part = data[place : place + size]
    return int(struct.unpack(form, part)[0]) if len(part) == size else 0


def _write_number(data: bytes, place: int, chance: Chance) -> bytes:
    width = chance.choice((1, 2, 4))
    value = chance.choice((*EDGES, *HUGE)) % (1 << 8 * width)
    order = "big" if chance.random() < 0.5 else "little"
    return data[:place] + value.to_bytes(width, order) + data[place + width :]  # type: ignore[arg-type]


def _place(data: bytes | bytearray, chance: Chance) -> int:
    """Give a place, in two of three cases near the beginning."""
    return chance.randrange(min(len(data), HEAD if chance.random() < 2 / 3 else len(data)) or 1)


MUTATIONS: dict[str, Callable[[bytes, Chance, Sequence[bytes]], bytes]] = {
    "bits flipped": _flip,
    "cut off": _cut,
    "spliced": _splice,
    "a part removed": _remove,
    "a part repeated": _repeat,
    "overwritten": _overwrite,
    "a number at an edge": _edge,
    "a length changed": _length,
    "an EXIF entry changed": _tag,
}
