"""The ASGI application around the WSGI application: a request is read whole, then takes a thread, then is written.

Reading and writing wait in the event loop, so that a slow client holds memory and a connection, and no thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, NamedTuple

from app.api.edge import read_request_id
from app.errors import BadRequest, Problem
from app.listener.connections import Connection, Message, Receive, Scope, Send
from app.logs import request_id
from app.server.bodies import Body, Room, read_body, too_large
from app.server.limits import Limits
from app.server.refusals import ClientLeft, busy, refuse
from app.server.threads import Threads
from app.server.wsgi import PIECE_BYTES, Application, Exchange, make_environ

log = logging.getLogger(__name__)


class Gateway:
    """The application over one pool of threads."""

    def __init__(self, app: Application, limits: Limits, *, public_url: str) -> None:
        self._app = app
        self._limits = limits
        self._refuse = partial(refuse, public_url=public_url, linger_s=limits.linger_s)
        self.room = Room(limits)
        self._threads = Threads(limits.threads)
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id.set(read_request_id(_header(scope, b"x-request-id")))
        body = Body(self._limits, self.room)
        try:
            await self._read(scope, receive, body)
        except ClientLeft:
            body.close()
        except Problem as problem:
            body.close()
            await self._refuse(problem, send, receive, accept=_header(scope, b"accept"), unread=True)
        else:
            await self._answer(scope, receive, send, body)

    async def _read(self, scope: Scope, receive: Receive, body: Body) -> None:
        """Read the body, where there is one."""
        _require_one_host(scope)
        length = _header(scope, b"content-length")
        if length and int(length) > self._limits.body_bytes:
            raise too_large(self._limits)  # before a client that waits for 100 (Continue) sends it
        if length not in ("", "0") or _header(scope, b"transfer-encoding"):
            await read_body(receive, body, self._limits)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, body: Body) -> None:
        """Call the application in a thread, and write what it says."""
        exchange = Exchange(self._app, make_environ(scope, body.file, body.size))
        context = contextvars.copy_context()
        try:
            running = await self._threads.start(exchange.begin, context, within=self._limits.thread_wait_s)
        except Problem as problem:
            body.close()
            await self._refuse(problem, send, receive, accept=_header(scope, b"accept"), unread=False)
            return
        # The thread reads the body: it is closed when the thread is done, whoever waits for that.
        running.add_done_callback(lambda _: body.close())
        done, _ = await asyncio.wait({running}, timeout=self._limits.answer_s)
        if done:
            await self._write(Writing(exchange, send, scope, context), running.result())
        else:
            log.error("no answer in time", extra={"seconds": self._limits.answer_s})
            self._start(self._end_late(running, exchange, context))
            late = busy("The answer takes too long.")
            await self._refuse(late, send, receive, accept=_header(scope, b"accept"), unread=False)

    async def _write(self, writing: Writing, piece: bytes) -> None:
        """Write the answer as fast as the client takes it; between two pieces no thread is held."""
        exchange = writing.exchange
        try:
            await self._send(writing, exchange.head(piece))
            while await self._send_piece(writing, piece) and not exchange.done:
                piece = await (await self._threads.start(exchange.more, writing.context))
        finally:
            if not exchange.done:
                await (await self._threads.start(exchange.end, writing.context))

    async def _send_piece(self, writing: Writing, piece: bytes) -> bool:
        """Send a piece in parts that do not fill the memory; tell whether the client is still there."""
        for start in range(0, max(len(piece), 1), PIECE_BYTES):
            more = not writing.exchange.done or start + PIECE_BYTES < len(piece)
            part = piece[start : start + PIECE_BYTES]
            await self._send(writing, {"type": "http.response.body", "body": part, "more_body": more})
            if writing.connection.lost:
                return False
        return True

    async def _send(self, writing: Writing, message: Message) -> None:
        """Send; a client that takes nothing for ``piece_s`` seconds loses its connection."""
        if not writing.connection.full:
            await writing.send(message)
            return
        try:
            async with asyncio.timeout(self._limits.piece_s):
                await writing.send(message)
        except TimeoutError:
            log.info("client does not read", extra={"seconds": self._limits.piece_s})
            writing.connection.abort()

    async def _end_late(self, running: asyncio.Future[bytes], exchange: Exchange, context: contextvars.Context) -> None:
        """Close an answer that nobody waits for any more, once it is there."""
        await asyncio.wait({running})
        await (await self._threads.start(exchange.end, context))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)


class Writing(NamedTuple):
    """An answer that is being written."""

    exchange: Exchange
    send: Send
    scope: Scope
    context: contextvars.Context

    @property
    def connection(self) -> Connection:
        """Give the connection that it goes to."""
        connection: Connection = self.scope["state"]["connection"]
        return connection


def _header(scope: Scope, name: bytes) -> str:
    """Give the first value of a header, or an empty text."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _require_one_host(scope: Scope) -> None:
    """Refuse what RFC 9112, 3.2 refuses. Raises BadRequest."""
    hosts = sum(1 for name, _ in scope["headers"] if name == b"host")
    if hosts > 1 or (hosts == 0 and scope["http_version"] == "1.1"):
        raise BadRequest("A request has one Host header.")
