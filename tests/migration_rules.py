"""Finds what a migration takes away from the version of the service that still runs (expand, migrate, contract)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_REMOVES = {"drop_table", "drop_column", "rename_table"}
_SQL = re.compile(
    r"\bDROP\s+(?:TABLE|COLUMN|VIEW|FUNCTION|TYPE)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b|\bTRUNCATE\b"
    r"|\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b",
    re.IGNORECASE,
)


def breaking_changes(source: str) -> list[str]:
    """Return the changes of a migration that break the code of before it, each with its line.

    Tables that the migration itself makes are free. A migration that ends what a former one prepared says so by
    ``contracts = "REVISION"``: the migration since which the code no longer uses what is removed.
    """
    module = ast.parse(source)
    if any(isinstance(node, ast.Assign) and _names(node) == ["contracts"] for node in module.body):
        return []
    upgrade = next(node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    made = {_text(call.args[0]) for call in calls if _verb(call) == "create_table"}
    return [
        f"line {call.lineno}: {fault}"
        for call in calls
        for fault in _faults(call)
        if _verb(call) == "execute" or _table(call) not in made
    ]


def _faults(call: ast.Call) -> Iterator[str]:
    verb = _verb(call)
    if verb in _REMOVES:
        yield verb
    elif verb == "alter_column":
        given = {word.arg: word.value for word in call.keywords}
        yield from (f"alter_column {name}" for name in ("new_column_name", "type_") if name in given)
        if _is(given.get("nullable"), value=False):
            yield "alter_column to NOT NULL"
    elif verb == "add_column" and isinstance(call.args[1], ast.Call):
        column = {word.arg: word.value for word in call.args[1].keywords}
        if _is(column.get("nullable"), value=False) and not {"server_default"} & column.keys():
            yield "add_column NOT NULL without server_default"
    elif verb == "execute":
        yield from _SQL.findall(" ".join(_strings(call)))


def _verb(call: ast.Call) -> str:
    """Return the name of a method of Alembic's ``op``."""
    method = call.func
    is_op = isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) and method.value.id == "op"
    return method.attr if is_op and isinstance(method, ast.Attribute) else ""


def _table(call: ast.Call) -> str:
    """Return the table of a call: the first argument of each of these verbs."""
    return _text(call.args[0]) if call.args else ""


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _strings(node: ast.AST) -> list[str]:
    return [str(each.value) for each in ast.walk(node) if isinstance(each, ast.Constant)]


def _is(node: ast.expr | None, *, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]
