"""The one LISTEN of the process: it comes back by itself, later and later, and makes up for what it missed."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.conninfo import conninfo
from app.db import utcnow
from app.errors import SettingsFault
from app.listening import notifications
from app.live.hub import Hub
from app.pooler import POOLED, SESSION
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
                async for notification in notifications(connection):
                    hub.hear(notification.payload)
        except (psycopg.Error, SQLAlchemyError, OSError) as fault:
            if hub.listens or lost_at is None:
                lost_at = utcnow()
            hub.listens = False
            log.warning("nobody listens", extra={"cause": type(fault).__name__, "again_in": pause})
        await asyncio.sleep(pause)
        pause = min(2 * pause, PAUSE_MOST)


async def _connect(settings: Settings) -> psycopg.AsyncConnection[object]:
    """Connect to the server itself. Raises SettingsFault where there is a pooler between."""
    reached = conninfo(settings.direct_url, application_name="suishoupai live")
    connection = await psycopg.AsyncConnection.connect(reached, autocommit=True)
    server_pid, _ = await (await connection.execute(SESSION)).fetchone() or (0, "")
    if server_pid != connection.info.backend_pid:
        await connection.close()
        raise SettingsFault(POOLED)
    return connection
