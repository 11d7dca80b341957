"""``python -m app.live --host 127.0.0.1 --port 8001``, or ``--uds PATH``: serve the live streams alone.

``python -m app.server`` serves them beside the pages; this is for streams on hosts of their own (LIVE_URL).
"""

from __future__ import annotations

import argparse
import gc
import logging
from collections.abc import Sequence
from pathlib import Path

from app import open_process
from app.config import Settings
from app.errors import SettingsFault
from app.listener.connections import ConnectionLimits
from app.listener.serving import Service, serve
from app.listener.sockets import open_listener, raise_file_limit
from app.live.process import Streams
from app.logs import start_logs

log = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
OTHER_CONNECTIONS = 100  # that ask for /healthz, or are refused


def main(words: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app.live", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--uds", type=Path, help="a Unix socket instead of host and port")
    asked = parser.parse_args(words)
    try:
        settings = Settings.from_environment()
    except SettingsFault as fault:
        raise SystemExit(f"live: {fault}") from fault
    listener = open_listener("live", host=asked.host, port=asked.port, uds=asked.uds)
    start_logs(settings.log_level)
    for chatty in ("uvicorn.error", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    engine = open_process(settings)
    service = make_service(settings)
    # What is here now stays: no collection need look at it again. Streams are few objects each and make no rings.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    serve(service, listener)
    engine.dispose()


def make_service(settings: Settings) -> Service:
    """Make what the process serves, for as many connections as the system lets it have."""
    streams = Streams(settings)
    wanted = settings.live_streams + OTHER_CONNECTIONS
    most = raise_file_limit(wanted)
    if most < wanted:
        log.warning("too few file descriptors for LIVE_STREAMS", extra={"connections": most, "needed": wanted})
    limits = ConnectionLimits(most=most)
    return Service(app=streams.app, limits=limits, works=streams.works, farewell=streams.close, grace_s=GRACE_SECONDS)


if __name__ == "__main__":
    main()
