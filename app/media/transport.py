"""The connections of a bucket: each obeys the deadline of the operation that uses it, however slowly bytes drip.

urllib3 limits each wait for a socket and not their sum. These sockets limit each wait to what is left of the
operation (``breaker.seconds_left``); finding the host and connecting happen in a thread apart, as the resolver of the
system has no deadline.
"""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from functools import cache
from typing import Any

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from app.media.breaker import seconds_left

_DIALS_AT_ONCE = 8


class _Limited:
    """The calls of a socket that wait, each limited to what is left of the operation."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(seconds_left())  # type: ignore[attr-defined]  # of the socket that this is mixed into
        return super().recv_into(*args, **kwargs)  # type: ignore[misc,no-any-return]

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(seconds_left())  # type: ignore[attr-defined]
        return super().send(*args, **kwargs)  # type: ignore[misc,no-any-return]

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(seconds_left())  # type: ignore[attr-defined]
        super().sendall(*args, **kwargs)  # type: ignore[misc]


class _Socket(_Limited, socket.socket):
    """A socket without TLS."""


class _TlsSocket(_Limited, ssl.SSLSocket):
    """A socket with TLS."""


class _Dialled:
    """A connection that is made in a thread apart."""

    timeout: float | None
    host: str

    def _new_conn(self) -> socket.socket:
        """Find the host and connect, as urllib3 does, within the deadline."""
        left = seconds_left()
        self.timeout = min((each for each in (self.timeout, left) if each is not None), default=None)
        dialling: Future[socket.socket] = _dialers().submit(super()._new_conn)  # type: ignore[misc]
        try:
            made = dialling.result(left)
        except NotYet as fault:
            dialling.add_done_callback(_close)
            raise ConnectTimeoutError(self, f"{self.host} was not reached in time") from fault
        limited = _Socket(made.family, made.type, made.proto, fileno=made.detach())
        limited.settimeout(seconds_left())  # of a TLS handshake
        return limited


class _Connection(_Dialled, AWSHTTPConnection):
    pass


class _TlsConnection(_Dialled, AWSHTTPSConnection):
    def connect(self) -> None:
        """Connect, and shake hands within what is left."""
        if self.ssl_context is not None:
            self.ssl_context.sslsocket_class = _TlsSocket
        super().connect()


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(AWSHTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def limit_connections(client: Any) -> None:
    """Make a client of boto3 use connections that obey the deadline of the operation, for http and https."""
    # botocore has no public way to set them; tests/media/test_faults.py fails where this has no effect.
    session = client._endpoint.http_session  # noqa: SLF001
    session._pool_classes_by_scheme.update(http=_Pool, https=_TlsPool)  # noqa: SLF001


@cache
def _dialers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_DIALS_AT_ONCE, thread_name_prefix="dial-store")


def _close(dialling: Future[socket.socket]) -> None:
    """Close a connection that came too late."""
    if not dialling.cancelled() and dialling.exception() is None:
        dialling.result().close()
