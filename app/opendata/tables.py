"""The table as CSV (RFC 4180), plain and packed: UTF-8 with a byte order mark, a heading, and no formulas."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import gzip
import io
from collections.abc import Sequence
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from app.opendata.columns import COLUMNS, Record
from app.publicmap.answers import LEVEL, safe_cell


class CsvFile:
    """A CSV file that is written record by record into two streams: as it is, and packed by gzip."""

    def __init__(self, plain: BinaryIO, packed: BinaryIO, zone: ZoneInfo) -> None:
        """Write the heading. The mark lets spreadsheets read Chinese; pandas, DuckDB and R leave it out themselves."""
        self._zone = zone
        self._plain = plain
        # Without a name and a time: the same rows give the same bytes.
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=LEVEL, mtime=0)
        self._write(codecs.BOM_UTF8)
        self._write_rows([[column.name for column in COLUMNS]])

    def write(self, records: Sequence[Record]) -> None:
        """Write some records."""
        self._write_rows([[self._cell(column.value(record)) for column in COLUMNS] for record in records])

    def close(self) -> None:
        """End the packed one."""
        self._packed.close()

    def _cell(self, value: Any) -> Any:
        if isinstance(value, dt.datetime):
            return value.astimezone(self._zone).isoformat(timespec="seconds")
        return safe_cell(value)

    def _write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        target = io.StringIO(newline="")
        csv.writer(target).writerows(rows)
        self._write(target.getvalue().encode())

    def _write(self, content: bytes) -> None:
        self._plain.write(content)
        self._packed.write(content)
