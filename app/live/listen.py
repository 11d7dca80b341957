"""The one LISTEN of the process: it comes back by itself, later and later, and makes up for what it missed."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

import psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db import KEEPALIVES, utcnow
from app.live.hub import Hub
from app.workorders.timeline import CHANNEL

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.25
PAUSE_MOST = 10.0


async def listen(settings: Settings, hub: Hub) -> None:
    """Tell the hub of every line that is committed, for ever."""
    lost_at: dt.datetime | None = None
    pause = PAUSE_SECONDS
    while True:
        try:
            async with await _connect(settings) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                await hub.listen_again(lost_at)
                pause = PAUSE_SECONDS
                async for notification in connection.notifies():
                    hub.hear(notification.payload)
        except (psycopg.Error, SQLAlchemyError, OSError) as fault:
            if hub.listens or lost_at is None:
                lost_at = utcnow()
            hub.listens = False
            log.warning("nobody listens", extra={"cause": type(fault).__name__, "again_in": pause})
        await asyncio.sleep(pause)
        pause = min(2 * pause, PAUSE_MOST)


async def _connect(settings: Settings) -> psycopg.AsyncConnection[object]:
    url = make_url(settings.database_url).set(drivername="postgresql").update_query_dict(KEEPALIVES)
    conninfo = url.update_query_dict({"connect_timeout": "5", "application_name": "suishoupai live"})
    return await psycopg.AsyncConnection.connect(conninfo.render_as_string(hide_password=False), autocommit=True)
