"""``python -m app.live --host 127.0.0.1 --port 8001``, or ``--uds PATH``: serve the live stream until told to end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app import open_process
from app.accounts.service import find_person
from app.config import Settings
from app.db import Reading, Snapshot
from app.errors import SettingsFault
from app.live.asgi import Live
from app.live.hub import Hub
from app.live.listen import listen
from app.live.server import bind, make_server
from app.logs import start_logs

log = logging.getLogger(__name__)

READERS = 4
SPARE_FILES = 64


def main(words: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app.live", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--uds", default="", help="a Unix socket instead of host and port")
    asked = parser.parse_args(words)
    try:
        settings = Settings.from_environment()
    except SettingsFault as fault:
        raise SystemExit(f"live: {fault}") from fault
    start_logs(settings.log_level)
    for chatty in ("uvicorn.error", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    _raise_file_limit(settings.live_streams)
    serve(settings, asked)


def serve(settings: Settings, asked: argparse.Namespace) -> None:
    """Open database, hub and socket, and run."""
    engine = open_process(settings)
    read = make_reader()
    hub = Hub(read)
    works = lambda: [hub.work(), hub.ping(), hub.check(), listen(settings, hub)]  # noqa: E731  # one line is enough
    server = make_server(Live(settings, hub, read), hub, works)
    # What is here now stays: no collection need look at it again. Streams are few objects each and make no rings.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    server.run(sockets=[_listen(asked.host, asked.port, asked.uds)])
    engine.dispose()


def _listen(host: str, port: int, path: str) -> socket.socket:
    """Listen on the address, or end with one line that names it."""
    try:
        Path(path).unlink(missing_ok=True) if path else None
        return bind(host, port, path)
    except OSError as fault:
        raise SystemExit(f"live: nothing can listen on {path or f'{host}:{port}'}: {fault.strerror}") from fault


def make_reader() -> Callable[..., Any]:
    """Give what runs a reading of the database in a thread of its own, all of it at one moment.

    Where a report belongs and how it came there are several statements: a move between them would break the trail.
    """
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")

    def work(reading: Callable[..., Any], *values: Any, **named: Any) -> Any:
        sessions = Reading if reading is find_person else Snapshot  # a token's last use is noted
        with sessions() as session:
            return reading(session, *values, **named)

    async def read(reading: Callable[..., Any], *values: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: work(reading, *values, **named))

    return read


def _raise_file_limit(streams: int) -> None:
    """Raise the soft limit of file descriptors to what so many streams need, as far as the hard limit lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = streams + SPARE_FILES
    able = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < able:
        resource.setrlimit(resource.RLIMIT_NOFILE, (able, hard))
    if max(soft, able) < wanted:
        log.warning("too few file descriptors for LIVE_STREAMS", extra={"hard_limit": hard, "needed": wanted})


if __name__ == "__main__":
    main()
