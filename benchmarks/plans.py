"""The plans of the statements that read, as EXPLAIN (ANALYZE, BUFFERS) gives them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.record import Statement
from benchmarks.scripts import Call

_TABLES = re.compile(r"\b(?:FROM|JOIN) (?:LATERAL )?([a-z_]+)")
_LONG_HEX = re.compile(r"[0-9A-Fa-f]{64,}")
_KEY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MANY_KEYS = re.compile(rf"({_KEY})(?:,{_KEY}){{3,}}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement of a call, by its tables, with its plan."""

    call: str
    tables: str
    text: str


def explain(url: str, calls: Mapping[str, Sequence[Call]]) -> list[Plan]:
    """Explain each statement that reads a table, with the values of one recorded call; a statement is shown once.

    Client-side cursors put the values into the text: a plan shows what the planner knew.
    """
    plans, seen = [], set()
    with psycopg.connect(url.replace("+psycopg", "", 1), cursor_factory=psycopg.ClientCursor) as connection:
        for name, statement in _statements(calls):
            if statement.sql not in seen:
                seen.add(statement.sql)
                tables = list(dict.fromkeys(_TABLES.findall(_SPACE.sub(" ", statement.sql))))
                plans.append(Plan(name, ", ".join(tables), _explain(connection, statement)))
    return plans


def explain_call(url: str, name: str, statements: Sequence[Statement]) -> list[Plan]:
    """Explain the statements of one call that read a table."""
    now = dt.datetime.now(dt.UTC)
    return explain(url, {name: [Call(statements=statements, began=now, ended=now)]})


def _statements(calls: Mapping[str, Sequence[Call]]) -> Iterator[tuple[str, Statement]]:
    """Give the reading statements of each call that sent the most of them."""
    for name, recorded in calls.items():
        if recorded:
            longest = max(recorded, key=lambda call: len(call.statements))
            yield from ((name, each) for each in longest.statements if _reads_a_table(each.sql))


def _reads_a_table(statement: str) -> bool:
    text = _SPACE.sub(" ", statement).lstrip()
    return text.startswith(("SELECT", "WITH")) and bool(_TABLES.search(text)) and "procrastinate" not in text


def _explain(connection: psycopg.Connection[Any], statement: Statement) -> str:
    """Explain the second run: the first reads what was on disk only."""
    for _ in range(2):
        rows = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement.sql}", statement.values or None).fetchall()
        connection.rollback()
    text = "\n".join(row[0] for row in rows)
    return _MANY_KEYS.sub(r"\1,…", _LONG_HEX.sub("…", text))
