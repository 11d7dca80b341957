"""Which failures of the database pass by themselves, so that the same request may be sent again.

The cause is what psycopg raised, whoever wrapped it: SQLAlchemy, procrastinate, or nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

import psycopg
import psycopg.errors as codes
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Outage(StrEnum):
    """Why the database did not do what was asked."""

    BUSY = "busy"
    READ_ONLY = "read-only"
    DISK_FULL = "disk full"
    AWAY = "away"

    def explain(self) -> str:
        """Return what the database does, as the rest of a sentence."""
        return _WORDS[self]


_WORDS = {
    Outage.BUSY: "is too busy to answer",
    Outage.READ_ONLY: "takes no writes: it is a standby, or read-only",
    Outage.DISK_FULL: "has no room on its disk",
    Outage.AWAY: "does not answer",
}

# The server gave up one transaction for the sake of the others; app/db.py has the limits of time.
_BUSY = (
    codes.LockNotAvailable,
    codes.QueryCanceled,
    codes.DeadlockDetected,
    codes.SerializationFailure,
    codes.IdleInTransactionSessionTimeout,
    codes.TransactionTimeout,
)
# libpq's own words where no host meets ``target_session_attrs=read-write``: they have no code.
_NOT_PRIMARY = re.compile(r"session is read-only|server is in hot standby mode")
# Sent again it would fail again: the statement is too large for any server.
_PERMANENT = (codes.ProgramLimitExceeded, codes.StatementTooComplex, codes.TooManyColumns, codes.TooManyArguments)
_KINDS: tuple[tuple[tuple[type[Exception], ...], Outage | None], ...] = (
    (_BUSY, Outage.BUSY),
    ((codes.ReadOnlySqlTransaction,), Outage.READ_ONLY),
    ((codes.DiskFull,), Outage.DISK_FULL),
    (_PERMANENT, None),
    ((psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OperationalError, InterfaceError), Outage.AWAY),
)


def outage_of(error: BaseException) -> Outage | None:
    """Return why the database failed, or None where the failure is a fault of ours and would happen again."""
    causes = list(_causes(error))
    if any(_NOT_PRIMARY.search(str(cause)) for cause in causes if isinstance(cause, psycopg.OperationalError)):
        return Outage.READ_ONLY
    for cause in reversed(causes):
        for kinds, outage in _KINDS:
            if isinstance(cause, kinds):
                return outage
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from what was raised to what it wraps."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.orig if isinstance(cause, DBAPIError) else cause.__cause__
