"""What is answered to a request that never reaches the application: a page or problem+json, as the application does."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress

from app.api.edge import HEADERS
from app.api.errors import is_page_accepted
from app.api.problems import MEDIA_TYPE, RETRY_SECONDS, describe
from app.errors import Problem, Unavailable
from app.listener.connections import Receive, Send
from app.logs import request_id
from app.web.error_pages import write_plain

log = logging.getLogger(__name__)


class RequestTimeout(Problem):
    """The body comes too slowly."""

    status = 408
    title = "Request Timeout"


class ClientLeft(Exception):
    """Nobody is there to be answered."""


def busy(reason: str) -> Unavailable:
    """Say that there is no room at the moment."""
    problem = Unavailable(f"{reason} Nothing was kept of this request; send the same request again in a while.")
    problem.headers["Retry-After"] = RETRY_SECONDS
    return problem


async def refuse(
    problem: Problem, send: Send, receive: Receive, *, accept: str, public_url: str, unread: bool, linger_s: float
) -> None:
    """Answer with a problem, as a plain page where ``accept``, the header, prefers one.

    Where part of the body is ``unread`` the connection ends after it. Then what still comes is read and thrown away for
    ``linger_s`` seconds: closed at once, the kernel would reset the connection and the client might lose the answer.
    """
    log.info("request refused", extra={"status": problem.status, "problem": problem.slug()})
    kind, content = _write(problem, accept, public_url)
    given = {
        **HEADERS,
        "Content-Type": kind,
        "Vary": "Accept",
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
        "X-Request-Id": request_id.get(),
        **problem.headers,
        **({"Connection": "close"} if unread else {}),
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    if unread:
        await _discard(receive, linger_s)
    await send({"type": "http.response.body", "body": b""})


def _write(problem: Problem, accept: str, public_url: str) -> tuple[str, bytes]:
    """Give the media type and the content of an answer."""
    if is_page_accepted(accept):
        return "text/html; charset=utf-8", write_plain(problem.status, problem.slug()).encode()
    body = describe(
        problem.slug(), problem.title, problem.status, problem.detail, problem.members, public_url=public_url
    )
    return MEDIA_TYPE, json.dumps(body, ensure_ascii=False).encode()


async def _discard(receive: Receive, seconds: float) -> None:
    ends = time.monotonic() + seconds
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while time.monotonic() < ends:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
