"""The ASGI application: which stream is asked for, who may have it, and the writing of it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from uuid_utils.compat import uuid7

from app.accounts.service import find_person
from app.api.guard import CHALLENGE
from app.api.problems import MEDIA_TYPE, describe, unavailable
from app.api.query import refuse_unknown
from app.api.ratelimit import network_of
from app.config import Settings
from app.db import utcnow
from app.errors import Forbidden, NotFound, Problem, TooMany, Unauthorized, Unavailable
from app.listener.connections import Connection, Receive, Scope, Send
from app.live import queries
from app.live.farewell import comeback
from app.live.frames import Position, retry
from app.live.hub import Hub, may_listen
from app.live.streams import ReporterStream, StaffStream, Stream
from app.logs import request_id
from app.readiness import OK, check_schema
from app.reports.errors import NoSuchReport

log = logging.getLogger(__name__)

_TRACK = re.compile(r"/api/v1/track/([^/]{1,200})/events")
_STAFF = "/api/v1/events"
_REPORTER_PARAMETERS = ("last_event_id",)
_STAFF_PARAMETERS = ("last_event_id", "street", "unit")
_OUR_BYTES = 16 * 1024  # of each stream; more waits in its queue
_KERNEL_BYTES = 32 * 1024  # Linux doubles it for its own use
_RETRY_MILLISECONDS = 3000
_BUSY_SECONDS = "30"
_SEATING_SECONDS = 0.2
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class MethodNotAllowed(Problem):
    """A stream is got, and nothing else."""

    status = 405
    title = "Method Not Allowed"


def is_stream(path: str) -> bool:
    """Tell whether a path is that of a stream."""
    return path == _STAFF or _TRACK.fullmatch(path) is not None


class Live:
    """The application over one hub."""

    def __init__(self, settings: Settings, hub: Hub, read: Callable[..., Awaitable[Any]]) -> None:
        self._settings = settings
        self._hub = hub
        self._read = read
        self._addresses: Counter[str] = Counter()
        page = urlsplit(settings.public_url)
        self._origin = f"{page.scheme}://{page.netloc}".encode()

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        request_id.set(str(uuid7()))
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = value if name not in headers else headers[name] + b", " + value
        request = Request(scope, headers)
        try:
            stream = await self._route(request, send)
            if stream is not None:
                await self._serve(stream, request, send)
        except Problem as problem:
            await self._refuse(problem, send)
        except Exception as fault:
            away = unavailable(fault)
            if away is None:
                raise
            await self._refuse(away, send)

    async def _route(self, request: Request, send: Send) -> Stream | None:
        """Find the stream that is asked for; None where the request was answered already."""
        if request.path == "/healthz":
            body = {"status": "ok", "streams": len(self._hub.streams), "listens": self._hub.listens}
            await _answer(send, 200, json.dumps(body).encode(), [(b"content-type", b"application/json")])
            return None
        if request.path == "/readyz":
            await self._answer_ready(send)
            return None
        track = _TRACK.fullmatch(request.path)
        if track is None and request.path != _STAFF:
            raise NotFound("There are two streams: /api/v1/track/{secret}/events and /api/v1/events.")
        if request.method == "OPTIONS":
            await _answer(send, 204, b"", self._cross_origin(preflight=True))
            return None
        if request.method != "GET":
            refusal = MethodNotAllowed("A stream is got, and nothing else.")
            refusal.headers["Allow"] = "GET, OPTIONS"
            raise refusal
        request.refuse_unknown(_REPORTER_PARAMETERS if track else _STAFF_PARAMETERS)
        self._require_room(request)
        return await (self._of_reporter(request, track[1]) if track else self._of_staff(request))

    async def _answer_ready(self, send: Send) -> None:
        """Tell whether this process can serve streams: it hears what is new, and can read the past."""
        parts = {
            "listens": OK if self._hub.listens else "not yet, or not any more",
            "schema": await self._read(check_schema),
        }
        ready = all(state == OK for state in parts.values())
        body = json.dumps({"status": OK if ready else "not ready", **parts}).encode()
        await _answer(send, 200 if ready else 503, body, [(b"content-type", b"application/json")])

    async def _of_reporter(self, request: Request, secret: str) -> Stream:
        found = await self._read(queries.find_report_link, secret)
        if found is None:
            raise NoSuchReport
        report_id, work_order_id = found
        return ReporterStream(
            wire=request.wire,
            address=request.address(self._settings.trusted_proxies),
            report_id=report_id,
            work_order_id=work_order_id,
        )

    async def _of_staff(self, request: Request) -> Stream:
        kind, _, token = request.header(b"authorization").partition(" ")
        usable = kind.lower() == "bearer" and token.strip()
        person = await self._read(find_person, token.strip(), now=utcnow()) if usable else None
        if person is None:
            refusal = Unauthorized("Send a valid staff token: Authorization: Bearer <token>.")
            refusal.headers["WWW-Authenticate"] = CHALLENGE
            raise refusal
        if not may_listen(person):
            raise Forbidden("This token is not good for 'read'.", scope="read")
        return StaffStream(
            wire=request.wire,
            address=request.address(self._settings.trusted_proxies),
            token=token.strip(),
            person=person,
            unit=request.query("unit"),
            street=request.query("street"),
        )

    def _require_room(self, request: Request) -> None:
        """Refuse who has too many streams already, and everybody where this process is full."""
        most, settings = self._settings.live_streams_per_address, self._settings
        if most and self._addresses[request.address(settings.trusted_proxies)] >= most:
            refusal: Problem = TooMany(f"{most} streams are open from this address. Close one, or come back later.")
        elif len(self._hub.streams) >= settings.live_streams:
            refusal = Unavailable("No more streams can be opened at the moment. Come back later.")
        else:
            return
        refusal.headers["Retry-After"] = _BUSY_SECONDS
        raise refusal

    async def _serve(self, stream: Stream, request: Request, send: Send) -> None:
        """Enlist the stream, tell what was missed while it is written, write until one side has enough of it."""
        self._require_room(request)  # others may have come while the database was asked
        self._addresses[stream.address] += 1
        self._hub.open(stream)
        request.wire.on_lost = stream.close
        request.wire.bound_writes(_OUR_BYTES, _KERNEL_BYTES)
        try:
            seating = asyncio.create_task(self._seat(stream, request.last_event_id))
            await self._begin(send, seating)
            request.forget()
            await _write(stream, send, seating)
        finally:
            self._hub.leave(stream)
            self._addresses[stream.address] -= 1
            if not self._addresses[stream.address]:
                del self._addresses[stream.address]

    async def _seat(self, stream: Stream, last: str) -> None:
        if isinstance(stream, ReporterStream):
            await self._hub.seat_reporter(stream, Position.read(last))
        elif isinstance(stream, StaffStream):
            await self._hub.seat_staff(stream, *read_line(last))

    async def _begin(self, send: Send, seating: asyncio.Task[None]) -> None:
        """Begin the answer at once, unless the reading of what was missed fails at once."""
        await asyncio.wait([seating], timeout=_SEATING_SECONDS)
        if seating.done():
            seating.result()
        headers = _STREAM_HEADERS + self._cross_origin()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": retry(_RETRY_MILLISECONDS), "more_body": True})

    def _cross_origin(self, *, preflight: bool = False) -> list[tuple[bytes, bytes]]:
        """Let the city's own pages open a stream where it has another address than they have."""
        headers = [(b"access-control-allow-origin", self._origin), (b"vary", b"Origin")]
        if preflight:
            headers += [
                (b"access-control-allow-methods", b"GET"),
                (b"access-control-allow-headers", b"Authorization, Last-Event-ID, Cache-Control"),
                (b"access-control-max-age", b"86400"),
            ]
        return headers

    async def _refuse(self, problem: Problem, send: Send) -> None:
        body = describe(
            problem.slug(),
            problem.title,
            problem.status,
            problem.detail,
            problem.members,
            public_url=self._settings.public_url,
        )
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), *self._cross_origin()]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await _answer(send, problem.status, json.dumps(body, ensure_ascii=False).encode(), headers)


class Request:
    """What is asked for. The path may hold a secret: it is never logged."""

    def __init__(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.wire: Connection = scope["state"]["connection"]
        self._client: str = scope["client"][0] if scope["client"] else ""
        self._headers = headers
        self._query = parse_qs(scope["query_string"].decode(errors="replace"), keep_blank_values=True)
        self._scope = scope

    def header(self, name: bytes) -> str:
        """Give a header."""
        return self._headers.get(name, b"").decode("latin-1")

    def query(self, name: str) -> str | None:
        """Give a value of the query, None where it is empty or missing."""
        return self._query.get(name, [""])[0] or None

    def refuse_unknown(self, known: Sequence[str]) -> None:
        """Refuse a query parameter that the stream does not know. Raises Unprocessable."""
        refuse_unknown(self._query, known)

    @property
    def last_event_id(self) -> str:
        """Give what the client heard last: the browser's own word wins over that of the address it was opened with."""
        return self.header(b"last-event-id") or self.query("last_event_id") or ""

    def address(self, proxies: int) -> str:
        """Give what is counted as one client; ``proxies`` of our own have each added what they saw."""
        seen = [each.strip() for each in self.header(b"x-forwarded-for").split(",") if each.strip()]
        return network_of(seen[-proxies] if proxies and len(seen) >= proxies else self._client)

    def forget(self) -> None:
        """Let go of what an open stream needs no more, so that thousands are cheap."""
        self._headers.clear()
        self._query.clear()
        self._scope["headers"].clear()
        for name in ("path", "raw_path", "query_string"):
            self._scope.pop(name, None)


def read_line(text: str) -> tuple[UUID | None, bool]:
    """Read the id of a staff line, and whether it was told as the past; None where it is none of ours."""
    name, _, rest = text.strip().partition(queries.PAST[0])
    try:
        return UUID(name), bool(rest)
    except ValueError:
        return None, False


async def _write(stream: Stream, send: Send, seating: asyncio.Task[None]) -> None:
    """Write until the stream is closed, then its farewell."""
    seating.add_done_callback(lambda task: _end_if_failed(task, stream))
    while True:
        chunk = await stream.take()
        if not chunk:
            break
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": stream.last or retry(comeback(0)), "more_body": False})


def _end_if_failed(seating: asyncio.Task[None], stream: Stream) -> None:
    """Drop a stream whose past could not be read: it comes back with the last id that it has."""
    if not seating.cancelled() and seating.exception() is not None:
        log.warning("stream could not be seated", extra={"cause": type(seating.exception()).__name__})
        stream.drop()


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
