"""What one worker process serves: the Flask application behind the gateway, and the live streams beside it."""

from __future__ import annotations

from app import UPLOAD_BYTES, create_app
from app.config import Settings
from app.listener.connections import Application, ConnectionLimits, Receive, Scope, Send
from app.listener.serving import Service
from app.listener.sockets import raise_file_limit
from app.live.asgi import is_stream
from app.live.process import Streams
from app.server.gateway import Gateway
from app.server.limits import Limits

REQUEST_CONNECTIONS = 4_000


def make_service(settings: Settings, *, threads: int, grace_s: float) -> Service:
    """Make all that a worker process serves; it opens the database."""
    gateway = Gateway(
        create_app(settings), Limits(body_bytes=UPLOAD_BYTES, threads=threads), public_url=settings.public_url
    )
    if settings.live_url:  # a process of its own serves the streams
        limits = ConnectionLimits(most=raise_file_limit(REQUEST_CONNECTIONS))
        return Service(app=gateway, limits=limits, grace_s=grace_s)
    streams = Streams(settings)
    return Service(
        app=join(gateway, streams.app),
        limits=ConnectionLimits(most=raise_file_limit(REQUEST_CONNECTIONS + settings.live_streams)),
        works=streams.works,
        farewell=streams.close,
        grace_s=grace_s,
    )


def join(gateway: Application, streams: Application) -> Application:
    """Give the streams what is theirs, and the gateway the rest."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        await (streams if is_stream(scope["path"]) else gateway)(scope, receive, send)

    return choose
