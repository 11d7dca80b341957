"""A pooler between us and the server, such as PgBouncer: found out at each new connection, and heeded.

In its transaction mode each transaction may run in another session of the server. A named prepared statement would meet
one of another client, so that there must be none; what is set at the start of a session is refused or lost, so that the
limits of time come from the role (``app.db.set_role_limits``); LISTEN hears nothing.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from app.silence import TimedConnection

log = logging.getLogger(__name__)

POOLED = (
    "A pooler lies between this process and the database, through which it hears nothing: "
    "set DATABASE_DIRECT_URL to the server itself."
)
SESSION = "SELECT pg_backend_pid(), current_setting('statement_timeout')"


class PooledConnection(TimedConnection):
    """A connection that knows whether it leads through a pooler."""

    is_pooled: bool = False


class Connector:
    """Opens the connections of one engine; SQLAlchemy calls it for the event ``do_connect``."""

    def __init__(self) -> None:
        self._takes_options = True
        self._was_told = False

    def __call__(self, _: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> PooledConnection:
        """Open a connection. A pooler announces a process of its own in place of the server's."""
        connection = self._open(parameters)
        connection.autocommit = True
        server_pid, statement_timeout = connection.execute(SESSION).fetchone() or (0, "0")
        connection.autocommit = False
        connection.is_pooled = server_pid != connection.info.backend_pid
        if connection.is_pooled:
            connection.prepare_threshold = None
            self._tell(has_limits=statement_timeout != "0")
        return connection

    def _open(self, parameters: dict[str, Any]) -> PooledConnection:
        if self._takes_options:
            try:
                return PooledConnection.connect(**parameters)
            except psycopg.OperationalError as error:
                if "startup parameter" not in str(error):
                    raise
                self._takes_options = False
        return PooledConnection.connect(**{name: value for name, value in parameters.items() if name != "options"})

    def _tell(self, *, has_limits: bool) -> None:
        if self._was_told:
            return
        self._was_told = True
        log.warning("a pooler lies before the database: no named prepared statements")
        if not has_limits:
            log.error("no limits of time behind the pooler: run `flask db upgrade`, then RECONNECT the pooler")


def is_pooled(connection: Any) -> bool:
    """Tell whether a connection of an engine leads through a pooler."""
    return isinstance(connection, PooledConnection) and connection.is_pooled
