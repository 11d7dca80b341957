"""A database that is silent: a frozen server, a cut cable. It must not hold a thread for ever.

The server's own limits (``app.db.Limits``) cannot help here. So each wait for the server ends after a while, and all
waits of one request together; then the connection is closed, which SQLAlchemy takes for a disconnect.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Engine

PING_S = 5.0
REQUEST_S = 40.0
Result = TypeVar("Result")


class Silent(psycopg.OperationalError):
    """The server left a statement without an answer for too long."""


@dataclass(slots=True)
class Budget:
    """How many more seconds a request may wait for the database."""

    left_s: float


_budget: ContextVar[Budget] = ContextVar("database_budget")
_UNLIMITED = Budget(math.inf)


def begin_budget(seconds: float = REQUEST_S) -> None:
    """Let the request that begins in this context wait for the database so long in all."""
    _budget.set(Budget(seconds))


def end_budget() -> None:
    """Lift the limit of this context."""
    _budget.set(_UNLIMITED)


class TimedConnection(psycopg.Connection[Any]):
    """A connection that waits at most ``patience_s`` for each answer of the server."""

    patience_s: float = PING_S

    def wait(self, gen: Generator[Any, Any, Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Wait as psycopg does; close the connection and raise Silent where it takes too long."""
        budget = _budget.get(_UNLIMITED)
        most = min(self.patience_s, budget.left_s, math.inf if timeout is None else timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, None if math.isinf(most) else max(0.0, most))
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  # psycopg has no public name for it
            self.pgconn.finish()
            raise Silent(f"no answer of the database within {most:.1f} s") from None
        finally:
            budget.left_s -= time.monotonic() - began


def limit_silence(engine: Engine, patience_s: float) -> None:
    """Make TimedConnections of an engine end a wait of ``patience_s``, and of PING_S when one leaves the pool."""
    event.listen(engine, "checkout", lambda connection, *_: _be_patient(connection, patience_s))
    event.listen(engine, "checkin", lambda connection, _: _be_patient(connection, min(PING_S, patience_s)))


def wait_for_ever(connection: Any) -> None:
    """Lift the limit of a connection until it is given back; those of other engines have none."""
    _be_patient(connection, math.inf)


def _be_patient(connection: Any, seconds: float) -> None:
    if isinstance(connection, TimedConnection):
        connection.patience_s = seconds
