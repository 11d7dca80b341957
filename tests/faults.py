"""Faults of ours: a statement about one row fails, as it does when a row is such that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session


@contextmanager
def failing(session: Session, statement: str, key: object) -> Iterator[None]:
    """Let each statement that begins with these words and names this key fail."""
    connection = session.connection()

    def fail(_: Any, __: Any, said: str, parameters: Any, *___: Any) -> None:
        if said.strip().startswith(statement) and str(key) in str(parameters):
            raise LookupError(f"a fault of ours\nabout {key}")

    event.listen(connection, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", fail)
