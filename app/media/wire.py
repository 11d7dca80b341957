"""Messages between a process and its decoders: two lengths, a JSON header, bytes.

Imported by the child too: standard library only.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">IQ")
HEADER_LIMIT = 1 << 16
PAYLOAD_LIMIT = 1 << 26


class BrokenWire(Exception):
    """The other end sends what is no message."""


def write(stream: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message and flush it. Raises OSError where the other end is gone."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(payload)))
    stream.write(text)
    stream.write(payload)
    stream.flush()


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, or None where the stream has ended. Raises BrokenWire.

    Lengths are checked against the limits first: a decoder that a hostile picture has taken over is not believed.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, payload_length = _LENGTHS.unpack(lengths)
    if header_length > HEADER_LIMIT or payload_length > PAYLOAD_LIMIT:
        raise BrokenWire("a message over the limits")
    text, payload = stream.read(header_length), stream.read(payload_length)
    if len(text) < header_length or len(payload) < payload_length:
        return None
    return _parse(text), payload


def _parse(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError as error:
        raise BrokenWire("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise BrokenWire("a header that is no object")
    return header
