"""Recorded calls as pgbench scripts, one a shape of call, with their values in tables."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from benchmarks.floor import IDLE_MS, Floor, Script
from benchmarks.record import Statement, Writer
from dev.cluster import APP, SUPERUSER, Cluster

SHAPES = 8
VERSION_7 = 7
DIGEST_BYTES = 32
_VARIABLE = re.compile(r"(?<!:):(?=\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was recorded: what it sent, when, and the names and keys that were drawn for it.

    ``own`` has the values of the work order that it moved, with their columns of ``bench.lives``: another one is taken
    for every repetition. ``kept`` stays as it is though it looks drawn.
    """

    statements: Sequence[Statement]
    began: dt.datetime
    ended: dt.datetime
    names: frozenset[str] = frozenset()
    keys: frozenset[UUID] = frozenset()
    own: Mapping[Any, str] = field(default_factory=dict)
    kept: frozenset[bytes] = frozenset()

    @property
    def shape(self) -> tuple[Any, ...]:
        """Give what calls of the same statements have in common."""
        return tuple((*statement.parts()[0], statement.transaction) for statement in self.statements)

    def values(self) -> list[Any]:
        """Give the values of all statements in their order."""
        return [value for statement in self.statements for value in statement.parts()[1]]

    def fresh(self, value: Any) -> str | None:
        """Give the SQL that draws a value anew where it must be new in every call; None for all others."""
        if isinstance(value, str | UUID | bytes) and (value in self.own or value in self.kept):
            return f"life.{self.own[value]}" if value in self.own else None
        if isinstance(value, UUID):
            return self._fresh_key(value)
        if isinstance(value, dt.datetime):
            return "clock_timestamp()" if self.began <= value <= self.ended else None
        if isinstance(value, bytes):
            return "sha256(uuid_send(gen_random_uuid()))" if len(value) == DIGEST_BYTES else None
        return _fresh_name(value) if isinstance(value, str) and value in self.names else None

    def _fresh_key(self, value: UUID) -> str | None:
        if value in self.keys:
            return "gen_random_uuid()"
        if value.version != VERSION_7:
            return None
        drawn_at = dt.datetime.fromtimestamp((value.int >> 80) / 1000, dt.UTC)
        return "bench.key(clock_timestamp())" if drawn_at >= self.began - dt.timedelta(milliseconds=1) else None


def _fresh_name(value: str) -> str:
    start, hyphen, _ = value.rpartition("-")
    return f"'{start}-' || bench.name(10)" if hyphen else f"bench.name({len(value)})"


def write_floor(
    cluster: Cluster, database: str, name: str, calls: Sequence[Call], *, folder: Path, writes: bool
) -> Floor:
    """Write the scripts of recorded calls and the tables of their values.

    Calls of one shape (the same statements) become one script; rare shapes are left out. Values are drawn by another
    script, which is not measured; ``writes`` says that some must be new every time.
    """
    shapes: dict[tuple[Any, ...], list[Call]] = defaultdict(list)
    for call in calls:
        shapes[call.shape].append(call)
    often = sorted(shapes.values(), key=len, reverse=True)[:SHAPES]
    url = cluster.url(database, SUPERUSER).replace("+psycopg", "", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        scripts = [
            _Shape(connection, f"{name}_{number}", alike, writes=writes).write(folder)
            for number, alike in enumerate(often)
        ]
    return Floor(cluster, database, scripts, sum(map(len, often)) / len(calls))


class _Shape:
    """Calls that sent the same statements, to become one script.

    Of the values, those that must be new are drawn anew, those that differ from call to call come from a table.
    """

    def __init__(self, connection: psycopg.Connection[Any], name: str, calls: Sequence[Call], *, writes: bool) -> None:
        self.connection, self.name, self.calls = connection, name, calls
        write = Writer(connection).text
        self.model = calls[0].values()
        self.texts = [[write(value) for value in call.values()] for call in calls]
        news = {place: calls[0].fresh(value) for place, value in enumerate(self.model)} if writes else {}
        self.fresh = {place: draw for place, draw in news.items() if draw}
        self.moving = [place for place in range(len(self.model)) if place not in self.fresh and self._moves(place)]

    def write(self, folder: Path) -> Script:
        """Write table and files."""
        script, draw = folder / f"{self.name}.sql", folder / f"{self.name}_draw.sql"
        first = [f"{self._variable(p)}={text}" for p, text in enumerate(self.texts[0]) if text and p not in self.fresh]
        weight = len(self.calls)
        if self.moving or self.fresh:
            self._keep()
        if self.moving and not self.fresh:
            draw.write_text("\n".join(self._draw()))
        if not self.fresh:
            script.write_text("\n".join(self._transaction()))
            return Script(script, draw if self.moving else None, weight, first)
        ready = f"{self.name}_ready"
        drawn = (f"\\if :{ready}", "\\else", *self._draw(), f"\\set {ready} 1", "\\endif", "")
        draw.write_text("\n".join(drawn))
        guarded = (f"\\if :{ready}", f"\\set {ready} 0", *self._transaction(), "\\endif", "")
        script.write_text("\n".join(guarded))
        return Script(script, draw, weight, [*first, f"{ready}=0"], IDLE_MS)

    def _moves(self, place: int) -> bool:
        """Tell whether a value differs; pgbench takes no empty one on its command line, so that it moves too."""
        first = self.texts[0][place]
        return not first or any(row[place] != first for row in self.texts)

    def _variable(self, place: int) -> str:
        return f"{self.name}_{place}"

    def _keep(self) -> None:
        """Write the table of the values that differ."""
        table = sql.Identifier("bench", f"draws_{self.name}")
        names = [sql.Identifier(self._variable(place)) for place in self.moving]
        columns = [sql.SQL("n int PRIMARY KEY"), *(sql.SQL("{} text").format(name) for name in names)]
        self.connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(columns)))
        with self.connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
            for number, row in enumerate(self.texts, start=1):
                copy.write_row((number, *(row[place] for place in self.moving)))
        self.connection.execute(sql.SQL("ANALYZE {}").format(table))
        self.connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(table, sql.Identifier(APP)))

    def _draw(self) -> Iterator[str]:
        """Write the draw: a row of the table, and what must be new; what was one value stays one."""
        drawn: dict[Any, int] = {}
        for place in self.fresh:
            drawn.setdefault(self.model[place], place)
        news = [f"({self.fresh[place]})::text AS new_{place}" for place in drawn.values()]
        columns = [f"new_{drawn[self.model[place]]} AS {self._variable(place)}" for place in self.fresh]
        columns += [self._variable(place) for place in self.moving]
        # OFFSET keeps the subquery whole: each value is drawn once.
        life = "FROM bench.lives life WHERE life.n = (SELECT nextval('bench.next_life'))" if self.calls[0].own else ""
        other = f", (SELECT {', '.join(news)} {life} OFFSET 0) AS fresh" if news else ""
        yield f"\\set draw random(1, {len(self.texts)})"
        yield f"SELECT {', '.join(columns)} FROM bench.draws_{self.name}{other} WHERE n = :draw \\gset"
        yield ""

    def _transaction(self) -> Iterator[str]:
        """Write the statements with variables for their values, and the borders of their transaction."""
        place, inside = 0, False
        for statement in self.calls[0].statements:
            if statement.transaction != inside:
                inside = statement.transaction
                yield "BEGIN;" if inside else "COMMIT;"
            parts, _ = statement.parts()
            text = _plain(parts[0])
            for part in parts[1:]:
                text += f":{self._variable(place)}{_plain(part)}"
                place += 1
            yield f"{text};"
        if inside:
            yield "COMMIT;"
        yield ""


def _plain(part: str) -> str:
    """Give back a part of a statement; raise where pgbench would take something in it for a variable."""
    if _VARIABLE.search(part):
        raise RuntimeError(f"pgbench would read a variable in {part!r}")
    return part
