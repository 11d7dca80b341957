"""What the files of renditions hold beside the picture, by the structure of their containers and not by a decoder."""

from __future__ import annotations

from collections.abc import Iterator

from tests.media.pictures import segments

APP0, DQT, SOF0, SOF2, DHT, SOS, EOI, DRI = 0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDA, 0xD9, 0xDD
PLAIN_JFIF = b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
# Of a WebP with nothing but a picture without transparency: lossy, or lossless.
PIXELS = {b"VP8 ", b"VP8L"}


def extras(data: bytes) -> list[str]:
    """Name what a JPEG or WebP holds that is no picture: nothing where all is well."""
    if data[:2] == b"\xff\xd8":
        return list(_of_jpeg(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return list(_of_webp(data))
    return [f"neither JPEG nor WebP: {data[:12]!r}"]


def _of_jpeg(data: bytes) -> Iterator[str]:
    """ITU-T T.81, annex B: tables, frame and scans are the picture; of all else plain JFIF alone is allowed."""
    found = list(segments(data))
    for marker, body in found:
        if marker == APP0 and body != PLAIN_JFIF:
            yield f"an APP0 that is no plain JFIF: {body[:40]!r}"
        elif marker not in {APP0, DQT, SOF0, SOF2, DHT, SOS, EOI, DRI}:
            yield f"segment {marker:02X}: {body[:40]!r}"
    if not found or found[-1] != (EOI, b""):
        yield "no end, or bytes behind it"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk over the chunks of a RIFF file (RFC 9649, 2.3): its name, its bytes; each begins at an even place."""
    place = 12
    while place < len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        yield data[place : place + 4], data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _of_webp(data: bytes) -> Iterator[str]:
    if int.from_bytes(data[4:8], "little") + 8 != len(data):
        yield "bytes behind the end"
    found = list(chunks(data))
    yield from (f"chunk {name!r}: {body[:40]!r}" for name, body in found if name not in PIXELS)
    if len(found) != 1:
        yield f"{len(found)} chunks"
