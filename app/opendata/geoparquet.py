"""The table as GeoParquet 1.1: https://geoparquet.org/releases/v1.1.0/.

Points are WKB (ISO 19125) in degrees, longitude first: OGC:CRS84, which is what the format means where no ``crs`` is
named. Rows stand in order of time, so that boxes of row groups would let nobody skip any: the file has one ``bbox``.
pyarrow is imported by who writes, not by the web, which would be slow to start and large.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from app.opendata.columns import COLUMNS, Kind, Record

ROW_GROUP = 50_000
GEOMETRY = "geometry"
# Hardly two rows have the same: a dictionary would be longer than the values.
_EACH_ITS_OWN = ("service_request_id", "description", "lat", "long", "media_url", "url", GEOMETRY)
_LEVEL = 6
_LITTLE_ENDIAN, _POINT = 1, 1
Extent = tuple[float, float, float, float]
_NOWHERE: Extent = (math.inf, math.inf, -math.inf, -math.inf)


class ParquetFile:
    """A GeoParquet file that is written record by record; one row group at a time is kept in memory."""

    def __init__(self, stream: BinaryIO, described: Mapping[str, str]) -> None:
        """Begin the file; ``described`` goes into its metadata."""
        import pyarrow as pa  # noqa: PLC0415  # see above
        from pyarrow import parquet  # noqa: PLC0415

        self._arrow = pa
        self._schema = _schema(pa)
        shared = [name for name in self._schema.names if name not in _EACH_ITS_OWN]
        self._writer = parquet.ParquetWriter(
            stream, self._schema, compression="zstd", compression_level=_LEVEL, use_dictionary=shared
        )
        self._writer.add_key_value_metadata(dict(described))
        self._waiting: list[Any] = []
        self._count = 0
        self._extent = _NOWHERE

    def write(self, records: Sequence[Record]) -> None:
        """Write some records."""
        places = [(record["position"]["lon"], record["position"]["lat"]) for record in records]
        values: dict[str, list[Any]] = {column.name: [column.value(record) for record in records] for column in COLUMNS}
        values[GEOMETRY] = [_point(*place) for place in places]
        self._waiting.append(self._arrow.RecordBatch.from_pydict(values, self._schema))
        self._extent = _grown(self._extent, places)
        self._count += len(records)
        if self._count >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what waits, the extent, and the end of the file."""
        self._flush()
        self._writer.add_key_value_metadata({"geo": json.dumps(_geo(self._extent))})
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._arrow.Table.from_batches(self._waiting), row_group_size=ROW_GROUP)
        self._waiting, self._count = [], 0


def _schema(pa: Any) -> Any:
    kinds = {
        Kind.TEXT: pa.string(),
        Kind.NUMBER: pa.float64(),
        Kind.COUNT: pa.int64(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
    }
    own = [(column.name, kinds[column.kind]) for column in COLUMNS]
    return pa.schema([*own, (GEOMETRY, pa.binary())])


def _point(lon: float, lat: float) -> bytes:
    return struct.pack("<BIdd", _LITTLE_ENDIAN, _POINT, lon, lat)


def _grown(extent: Extent, places: Sequence[tuple[float, float]]) -> Extent:
    lons, lats = zip(*places, strict=True) if places else ((), ())
    west, south, east, north = extent
    return min(west, *lons), min(south, *lats), max(east, *lons), max(north, *lats)


def _geo(extent: Extent) -> dict[str, Any]:
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
    if extent != _NOWHERE:
        column["bbox"] = list(extent)
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
