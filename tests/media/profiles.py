"""ICC profiles made for the tests, by the ICC's specification (ICC.1:2001-04), and the colours that they mean."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Row = tuple[float, float, float]
# Primaries in XYZ under D50, as the profiles of phones, cameras and ICC state them (columns of the matrix).
_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
_ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_D50 = (0.9642, 1.0, 0.8249)
_TO_SRGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)
ADOBE_GAMMA = 563 / 256


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">2I", start + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"test", 0x02400000, kind, space, connection, b"\0" * 12, b"acsp")
    head = head.ljust(68, b"\0") + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + body


def _text(words: bytes) -> bytes:
    return b"desc" + struct.pack(">2I", 0, len(words) + 1) + words + b"\0" * 79


def _matrix_profile(primaries: Sequence[Row], curve: bytes) -> bytes:
    tags = {b"desc": _text(b"made for a test"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50)}
    for name, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + _fixed(*primary)
        tags[name + b"TRC"] = curve
    return _profile(b"RGB ", b"XYZ ", tags)


def _srgb_curve() -> bytes:
    """Give sRGB's curve as a parametric one, which Display P3 shares."""
    return b"para\0\0\0\0" + struct.pack(">2H", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">2IH", 0, 1, round(gamma * 256))


# Inks of our own, so that a conversion without the profile is told from one with it: CMYK of 0 or 255 in Lab.
INKS: dict[tuple[int, ...], Row] = {
    (0, 0, 0, 0): (100, 0, 0),
    (255, 0, 0, 0): (60, -20, -40),
    (0, 255, 0, 0): (45, 55, 10),
    (0, 0, 255, 0): (85, -5, 60),
    (255, 0, 255, 0): (50, -40, 20),
}
# Black itself: with a lighter one lcms would darken all the others (black point compensation).
_OTHERS: Row = (0, 0, 0)


def _cmyk_profile() -> bytes:
    """Give a profile with a table of sixteen corners (lut8Type)."""
    corners = [tuple(255 * (place >> bit & 1) for bit in (3, 2, 1, 0)) for place in range(16)]
    table = b"".join(_lab_bytes(INKS.get(corner, _OTHERS)) for corner in corners)
    straight = bytes(range(256))
    matrix = _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + straight * 4 + table + straight * 3
    tags = {b"desc": _text(b"inks"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50), b"A2B0": lut, b"A2B1": lut}
    return _profile(b"CMYK", b"Lab ", tags, b"prtr")


def _lab_bytes(lab: Row) -> bytes:
    light, a, b = lab
    return bytes((round(light * 2.55), round(a + 128), round(b + 128)))


DISPLAY_P3 = _matrix_profile(_P3, _srgb_curve())
ADOBE_RGB = _matrix_profile(_ADOBE, _gamma_curve(ADOBE_GAMMA))
CMYK = _cmyk_profile()


def from_p3(colour: Row) -> Row:
    """Give the sRGB of a colour of Display P3, computed and not looked up (0 to 255)."""
    return _srgb_of(_mixed(_P3, [_linear(value / 255) for value in colour]))


def from_adobe(colour: Row) -> Row:
    """Give the sRGB of a colour of Adobe RGB."""
    return _srgb_of(_mixed(_ADOBE, [(value / 255) ** ADOBE_GAMMA for value in colour]))


def from_lab(lab: Row) -> Row:
    """Give the sRGB of a colour of CIE Lab under D50."""
    light, a, b = lab
    y = (light + 16) / 116
    roots = (y + a / 500, y, y - b / 200)
    white = zip(roots, _D50, strict=True)
    return _srgb_of([(t**3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29)) * whole for t, whole in white])


def _mixed(primaries: Sequence[Row], linear: Sequence[float]) -> list[float]:
    return [sum(one[axis] * part for one, part in zip(primaries, linear, strict=True)) for axis in range(3)]


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _srgb_of(xyz: Sequence[float]) -> Row:
    red, green, blue = (_curved(sum(factor * part for factor, part in zip(row, xyz, strict=True))) for row in _TO_SRGB)
    return red, green, blue


def _curved(linear: float) -> float:
    value = min(1.0, max(0.0, linear))
    return 255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055)
