"""uvicorn, as it serves here: one process over a listening socket, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from app.listener.connections import Application, ConnectionLimits, Connections, tracked
from app.listener.sockets import BACKLOG

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(kw_only=True)
class Service:
    """What a process serves: an application, and the work beside it that must not end before it does.

    ``farewell`` is called before connections are waited for, so that it can end answers that would never end.
    """

    app: Application
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    works: Sequence[Work] = ()
    farewell: Callable[[], None] = lambda: None
    grace_s: float = 20.0


def serve(service: Service, listener: socket.socket, *, parent: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, or until the process ``parent`` is gone; requests under way are finished."""
    # uvicorn raises the signal again when it has ended; what is to be closed after it must still be.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(run(service, listener, parent=parent))


async def run(
    service: Service, listener: socket.socket, *, parent: int | None = None, stop: asyncio.Event | None = None
) -> None:
    """Serve in a running event loop, until a signal or until ``stop`` is set."""
    connections = Connections(service.limits)
    server = uvicorn.Server(configure(service, connections))
    works = [*service.works, connections.sweep, lambda: _accept_in_turn(server, listener)]
    tasks = [asyncio.create_task(_need(work, server)) for work in works]
    watch = asyncio.create_task(_watch(server, parent, stop, service.farewell))
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in (*tasks, watch):
            task.cancel()
        await asyncio.gather(*tasks, watch, return_exceptions=True)


def configure(service: Service, connections: Connections) -> uvicorn.Config:
    """Make uvicorn's configuration; it logs no requests, for their paths hold secrets."""
    return uvicorn.Config(
        tracked(service.app),
        http=connections.make_protocol,  # type: ignore[arg-type]  # it is called as a class would be
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(service.limits.idle_s) + 60,  # ours comes first
        timeout_graceful_shutdown=int(service.grace_s),
        # asyncio accepts as many connections in a row. One by one, the processes share them: whoever is idle is first.
        backlog=1,
    )


async def _accept_in_turn(server: uvicorn.Server, listener: socket.socket) -> None:
    """Give the kernel its long queue back, which uvicorn's ``backlog`` cut short."""
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(LOOK_SECONDS)
    listener.listen(BACKLOG)
    await asyncio.Event().wait()


async def _need(work: Work, server: uvicorn.Server) -> None:
    """End the process where a part of it ends: one that hears nothing is worse than none."""
    try:
        await work()
    except Exception:
        log.exception("a part of the process failed: it ends")
    finally:
        server.should_exit = True


async def _watch(
    server: uvicorn.Server, parent: int | None, stop: asyncio.Event | None, farewell: Callable[[], None]
) -> None:
    """Notice that the process is to end, or that the one that started it is gone."""
    while not server.should_exit:
        if (stop is not None and stop.is_set()) or (parent is not None and os.getppid() != parent):
            server.should_exit = True
        await asyncio.sleep(LOOK_SECONDS)
    farewell()
