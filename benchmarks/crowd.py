"""A crowd of slow clients: uploads that drip a byte a second, and connections that are kept open for nothing."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from benchmarks.web import HOST

DRIP_SECONDS = 1.0
_UPLOAD = (
    b"POST /api/v1/reports HTTP/1.1\r\nHost: bench.example.org\r\nContent-Type: application/json\r\n"
    b"Content-Length: 200000\r\n\r\n{"
)
_IDLE = b"GET /healthz HTTP/1.1\r\nHost: bench.example.org\r\n\r\n"


@dataclass(slots=True)
class Crowd:
    """So many of each, in a thread of their own; whoever is turned away comes back. ``ended`` counts by status."""

    port: int
    dripping: int
    idle: int
    ended: Counter[str] = field(default_factory=Counter)
    _chosen: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        for number in range(self.dripping + self.idle):
            self._open(drips=number < self.dripping)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for key in list(self._chosen.get_map().values()):
            self._close(key)
        self._chosen.close()

    def wait_for_ends(self, count: int, seconds: float) -> None:
        """Wait until so many uploads were ended by the server, at most so many seconds."""
        ends = time.monotonic() + seconds
        while self.ended.total() < count and time.monotonic() < ends:
            self._over.wait(0.2)

    def _open(self, *, drips: bool) -> None:
        client = socket.create_connection((HOST, self.port))
        client.sendall(_UPLOAD if drips else _IDLE)
        self._chosen.register(client, selectors.EVENT_READ, drips)

    def _run(self) -> None:
        next_drip = time.monotonic() + DRIP_SECONDS
        while not self._over.is_set():
            for key, _ in self._chosen.select(max(0.0, next_drip - time.monotonic())):
                self._hear(key)
            if time.monotonic() >= next_drip:
                next_drip += DRIP_SECONDS
                self._drip()

    def _hear(self, key: selectors.SelectorKey) -> None:
        """Read what the server says; an upload that it answers is over, and another one begins."""
        assert isinstance(key.fileobj, socket.socket)  # noqa: S101  # nothing else is registered
        try:
            said = key.fileobj.recv(65536)
        except ConnectionError:
            said = b""
        if said and not key.data:
            return
        if key.data:
            self.ended[said[9:12].decode() if said else "closed without an answer"] += 1
        self._close(key)
        self._open(drips=key.data)

    def _drip(self) -> None:
        for key in list(self._chosen.get_map().values()):
            if key.data and isinstance(key.fileobj, socket.socket):
                try:
                    key.fileobj.send(b" ")
                except ConnectionError:
                    self._hear(key)

    def _close(self, key: selectors.SelectorKey) -> None:
        self._chosen.unregister(key.fileobj)
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()
