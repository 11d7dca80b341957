from __future__ import annotations

import io
import struct

import pytest

from app.media import wire


def written(header: dict[str, object], payload: bytes = b"") -> bytes:
    stream = io.BytesIO()
    wire.write(stream, header, payload)
    return stream.getvalue()


def test_what_is_written_is_read() -> None:
    message = wire.read(io.BytesIO(written({"a": [1, "二"]}, b"bytes")))

    assert message == ({"a": [1, "二"]}, b"bytes")


@pytest.mark.parametrize("kept", range(len(written({"a": 1}, b"bytes"))))
def test_a_message_that_breaks_off_is_the_end(kept: int) -> None:
    assert wire.read(io.BytesIO(written({"a": 1}, b"bytes")[:kept])) is None


@pytest.mark.parametrize("lengths", [(wire.HEADER_LIMIT + 1, 0), (2, wire.PAYLOAD_LIMIT + 1), (2**32 - 1, 2**64 - 1)])
def test_lengths_beyond_the_limits_are_not_believed(lengths: tuple[int, int]) -> None:
    with pytest.raises(wire.BrokenWire):
        wire.read(io.BytesIO(struct.pack(">IQ", *lengths) + b"{}"))


@pytest.mark.parametrize("text", [b"", b"nonsense", b"[1]", b"\xff\xfe"])
def test_a_header_that_is_no_object_is_not_believed(text: bytes) -> None:
    with pytest.raises(wire.BrokenWire):
        wire.read(io.BytesIO(struct.pack(">IQ", len(text), 0) + text))
