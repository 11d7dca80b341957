"""Versions of what a city pack brings: close what is gone or changed, add what is new, keep the rest.

A row is never changed: a decision of the past still finds the row that it was made by.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, class_mapper
from uuid_utils.compat import uuid7

from app.db import Versioned

Progress = Callable[[int], object]
"""Hears how many rows were taken since it was called last."""

REPORT_EVERY = 500
VERSION_COLUMNS = ("id", "since", "until", "digest")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows a load added, closed and kept; a changed row counts as closed and as added."""

    added: int
    closed: int
    kept: int


def supersede(
    session: Session,
    model: type[Versioned],
    rows: Iterable[Mapping[str, Any]],
    *,
    version: int,
    key: Sequence[str],
    where: ColumnElement[bool] | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Make ``rows`` the current rows of ``model``, as of ``version``, by COPY and two statements.

    A current row that is missing in ``rows`` or differs is closed (``until`` = version); a row that is new or differs
    is added (``since`` = version). Each row has every column but those of ``Versioned``: plain values, enums, dicts
    for JSONB, shapes as ``app.geo.queries`` writes them. ``key`` is the natural key. ``where`` limits the current
    rows that are looked at: the others stay untouched. Must run in a transaction.
    """
    table: Table = class_mapper(model).local_table  # type: ignore[assignment]  # a table, never a join
    columns = [column.name for column in table.columns if column.name not in VERSION_COLUMNS]
    connection: Any = session.connection().connection.driver_connection
    statements = _Statements(table, columns, key, where)
    connection.execute(statements.create())
    total = _copy(connection, statements.copy(), columns, rows, progress)
    connection.execute(statements.analyze())
    closed = connection.execute(statements.close(), {"version": version}).rowcount
    added = connection.execute(statements.add(), {"version": version}).rowcount
    connection.execute(statements.drop())
    session.expire_all()
    return Counts(added=added, closed=closed, kept=total - added)


def digest_of(model: type[Versioned], row: Mapping[str, Any]) -> str:
    """Give the digest that a load would give a row of these values."""
    columns = [column.name for column in class_mapper(model).columns if column.name not in VERSION_COLUMNS]
    return _digest(columns, [_plain(row[name]) for name in columns])


class _Statements:
    """The SQL of one load of one table; names are quoted, values are bound."""

    def __init__(
        self, table: Table, columns: Sequence[str], key: Sequence[str], where: ColumnElement[bool] | None
    ) -> None:
        self.table = sql.Identifier(table.name)
        self.incoming = sql.Identifier(f"incoming_{table.name}")
        self.columns = sql.SQL(", ").join(map(sql.Identifier, ["id", *columns, "digest"]))
        same = [sql.SQL("old.{0} = new.{0}").format(sql.Identifier(name)) for name in (*key, "digest")]
        self.same = sql.SQL(" AND ").join(same)
        self.within = sql.SQL(_render(where))

    def create(self) -> sql.Composed:
        text = "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
        return sql.SQL(text).format(self.incoming, self.columns, self.table)

    def copy(self) -> sql.Composed:
        return sql.SQL("COPY {} ({}) FROM STDIN").format(self.incoming, self.columns)

    def analyze(self) -> sql.Composed:
        return sql.SQL("ANALYZE {}").format(self.incoming)

    def close(self) -> sql.Composed:
        text = (
            "UPDATE {} AS old SET until = %(version)s WHERE until IS NULL AND id IN (SELECT id FROM {} WHERE {})"
            " AND NOT EXISTS (SELECT FROM {} AS new WHERE {})"
        )
        return sql.SQL(text).format(self.table, self.table, self.within, self.incoming, self.same)

    def add(self) -> sql.Composed:
        text = (
            "INSERT INTO {} ({}, since) SELECT {}, %(version)s FROM {} AS new WHERE NOT EXISTS"
            " (SELECT FROM {} AS old WHERE old.until IS NULL AND {})"
        )
        return sql.SQL(text).format(self.table, self.columns, self.columns, self.incoming, self.table, self.same)

    def drop(self) -> sql.Composed:
        return sql.SQL("DROP TABLE {}").format(self.incoming)


def _render(where: ColumnElement[bool] | None) -> Any:
    if where is None:
        return "true"
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it so
    return str(where.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace("%", "%%")


def _copy(
    connection: Connection[Any],
    statement: sql.Composed,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    progress: Progress | None,
) -> int:
    total = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = [_plain(row[name]) for name in columns]
            copy.write_row((uuid7(), *values, _digest(columns, values)))
            total += 1
            if progress and total % REPORT_EVERY == 0:
                progress(REPORT_EVERY)
    if progress:
        progress(total % REPORT_EVERY)
    return total


def _plain(value: Any) -> Any:
    """Give a value as COPY takes it; a dict becomes canonical JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value


def _digest(columns: Sequence[str], values: Sequence[Any]) -> str:
    """Give the SHA-256 of a row in a form that does not depend on the order of columns."""
    content = json.dumps(sorted(zip(columns, values, strict=True)), ensure_ascii=False, default=_written)
    return hashlib.sha256(content.encode()).hexdigest()


def _written(value: object) -> str:
    if isinstance(value, dt.date | UUID):
        return str(value)
    raise TypeError(f"A row cannot hold {type(value).__name__}")
