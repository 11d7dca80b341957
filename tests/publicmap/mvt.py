"""Read Mapbox Vector Tiles 2.1: layers, the properties and first point of each feature; name them. For tests only."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Feature = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a message (Protocol Buffers, encoding)."""

    number: int
    value: Any


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield Field(tag >> 3, value)
        else:
            length = {1: 8, 5: 4}.get(tag & 7)
            if length is None:
                length, at = _varint(data, at)
            yield Field(tag >> 3, data[at : at + length])
            at += length


def _numbers(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def _value(data: bytes) -> Any:
    field = next(_fields(data))
    if field.number == 1:
        return field.value.decode()
    if field.number == 3:
        return struct.unpack("<d", field.value)[0]
    return _signed(field.value) if field.number == 6 else field.value


def _layer(data: bytes) -> tuple[str, list[Feature]]:
    fields = list(_fields(data))
    name = next(each.value.decode() for each in fields if each.number == 1)
    keys = [each.value.decode() for each in fields if each.number == 3]
    values = [_value(each.value) for each in fields if each.number == 4]
    features = []
    for each in fields:
        if each.number == 2:
            parts = {part.number: part.value for part in _fields(each.value)}
            tags, shape = _numbers(parts.get(2, b"")), _numbers(parts[4])
            properties = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
            features.append(properties | {"at": (_signed(shape[1]), _signed(shape[2]))})
    return name, features


def read_tile(data: bytes) -> dict[str, list[Feature]]:
    """Give the features of each layer; ``at`` is the first point in units of the layer's extent."""
    return dict(_layer(each.value) for each in _fields(data) if each.number == 3)


def tile_of(z: int, lon: float, lat: float) -> str:
    """Give the path of the tile that a place lies in."""
    size = 1 << z
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * size
    return f"/tiles/{z}/{int((lon + 180) / 360 * size)}/{int(y)}.mvt"
