"""``python -m app.server``: serve pages, API and live streams until told to end.

It listens on ``--host`` and ``--port``, on ``--uds PATH``, or on a socket that it inherits: ``--fd 3`` as systemd hands
it over (LISTEN_FDS).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from app import PAGES, ROUTES
from app.config import Settings
from app.errors import SettingsFault
from app.listener.serving import serve
from app.listener.sockets import open_listener
from app.logs import start_logs
from app.server.process import make_service
from app.server.workers import UNUSABLE, Workers


def main(words: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    asked = read_arguments(words)
    try:
        settings = Settings.from_environment()
    except SettingsFault as fault:
        raise SystemExit(f"server: {fault}") from fault
    listener = open_listener("server", host=asked.host, port=asked.port, uds=asked.uds, fd=asked.fd)
    start_logs(settings.log_level)
    for chatty in ("uvicorn.error", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    for name in (*ROUTES, *PAGES):  # once for all workers; nothing may be opened before they are forked
        importlib.import_module(name)
    gc.freeze()
    work = partial(serve_one, settings, listener, asked)
    sys.exit(Workers(asked.workers, work, grace_s=asked.grace).run(listener))


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m app.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--uds", type=Path, help="a Unix socket instead of host and port")
    parser.add_argument("--fd", type=int, help="a listening socket that is inherited, instead of host and port")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--threads", type=int, default=4, help="of each process: requests that are worked on at once")
    parser.add_argument("--grace", type=float, default=20.0, help="seconds for requests to finish at the end")
    return parser.parse_args(words)


def serve_one(settings: Settings, listener: socket.socket, asked: argparse.Namespace, parent: int) -> None:
    """Serve in one worker process."""
    for number in (signal.SIGTERM, signal.SIGINT):  # those of the parent are not ours
        signal.signal(number, signal.SIG_DFL)
    try:
        service = make_service(settings, threads=asked.threads, grace_s=asked.grace)
        serve(service, listener, parent=parent)  # what listens finds a pooler between it and the database then
    except SettingsFault as fault:
        print(fault, file=sys.stderr)  # noqa: T201  # as the interpreter does where nobody catches it
        sys.exit(UNUSABLE)


if __name__ == "__main__":
    main()
