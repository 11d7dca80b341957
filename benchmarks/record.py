"""Record the SQL that a call sends, at the driver: what SQLAlchemy writes and what the job queue writes by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import PyFormat, Transformer
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine

PLACE = re.compile(r"%%|%\((\w+)\)s|%s")
# The driver tells the server the types of these; pgbench sends bare text, so that they are written into the SQL.
CASTS: Mapping[type, str] = {bool: "boolean", int: "bigint", float: "float8", UUID: "uuid"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the driver got it; ``transaction`` tells whether it ran inside of one."""

    sql: str
    values: Mapping[str, Any] | Sequence[Any]
    transaction: bool

    def parts(self) -> tuple[list[str], list[Any]]:
        """Give the SQL around its values, one part more than values; an empty value becomes a literal NULL."""
        parts, found, end, unnamed = [""], [], 0, 0
        for place in PLACE.finditer(self.sql):
            parts[-1] += self.sql[end : place.start()]
            end = place.end()
            if place[0] == "%%":
                parts[-1] += "%"
                continue
            value = self.values[place[1]] if isinstance(self.values, Mapping) else self.values[unnamed]
            unnamed += 1
            value = value.obj if isinstance(value, psycopg.Binary) else value
            if value is None:
                parts[-1] += "NULL"
                continue
            found.append(value)
            is_cast = self.sql[end : end + 2] == "::" or type(value) not in CASTS
            parts.append("" if is_cast else f"::{CASTS[type(value)]}")
        parts[-1] += self.sql[end:].rstrip().rstrip(";")
        return parts, found


@dataclass(slots=True)
class Recorder:
    """An engine whose statements are kept while ``recording``."""

    engine: Engine = field(init=False)
    _kept: list[Statement] | None = None

    @classmethod
    def open(cls, url: str) -> Recorder:
        """Open an engine to a database."""
        self = cls()
        self.engine = create_engine(url, connect_args={"cursor_factory": _cursor_kind(self)})
        return self

    @contextmanager
    def recording(self) -> Iterator[list[Statement]]:
        """Keep what is sent meanwhile."""
        kept: list[Statement] = []
        self._kept = kept
        try:
            yield kept
        finally:
            self._kept = None

    def keep(self, connection: psycopg.Connection[Any], query: Any, values: Any) -> None:
        """Keep a statement, when we record."""
        if self._kept is None:
            return
        sql = query.as_string(connection) if isinstance(query, psycopg.sql.Composable) else query
        sql = sql.decode() if isinstance(sql, bytes) else str(sql)
        self._kept.append(Statement(sql, values or (), not connection.autocommit))


def _cursor_kind(recorder: Recorder) -> type[psycopg.Cursor[Any]]:
    class RecordingCursor(psycopg.Cursor[Any]):
        """A cursor that tells the recorder what it executes."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            """Keep the statement, then execute it."""
            recorder.keep(self.connection, query, params)
            return super().execute(query, params, **options)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            """Keep the statement once for each set of values, then execute it for all of them."""
            sets = list(params_seq)
            for values in sets:
                recorder.keep(self.connection, query, values)
            super().executemany(query, sets, **options)

    return RecordingCursor


class Writer:
    """Writes values as the text that the server reads, without quotes."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._transformer = Transformer(connection)

    def text(self, value: Any) -> str:
        """Write a value."""
        written = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return bytes(written or b"").decode()
