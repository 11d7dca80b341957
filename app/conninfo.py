"""How the database is reached: libpq's parameters from a URL of the settings, the same for every process.

``python -m app.conninfo`` reads such a URL and prints the parameters, for libpq's own programs.
"""

from __future__ import annotations

import sys
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

# A peer that has gone without a word (a failover, a cut cable) is noticed within a minute. libpq's names; the last
# one is in milliseconds and holds while something is under way, when keepalives are not sent.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Of several hosts the one that takes writes; seconds for each.
_DEFAULTS = {"target_session_attrs": "read-write", "connect_timeout": "5", **KEEPALIVES}


def connection_parameters(url: str, **more: str) -> dict[str, Any]:
    """Return libpq's parameters for a URL as SQLAlchemy writes it; what the URL itself says wins."""
    parsed = make_url(url)
    _, given = parsed.get_dialect()().create_connect_args(parsed)
    return {**_DEFAULTS, **more, **given}


def conninfo(url: str, **more: str) -> str:
    """Return libpq's connection string for a URL as SQLAlchemy writes it."""
    return make_conninfo(**connection_parameters(url, **more))


if __name__ == "__main__":
    print(conninfo(sys.stdin.read().strip()))  # noqa: T201  # for a script
