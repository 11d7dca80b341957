"""The live stream's process under test, and a client that reads it as EventSource does."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from app.config import Settings
from tests.ports import reserve_port
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Event:
    """An event as a browser gets it."""

    id: str = ""
    kind: str = ""
    data: str = ""

    @property
    def shown(self) -> Any:
        return json.loads(self.data)


@dataclass
class Client:
    """One open stream. ``comments`` counts pings, ``retry`` is the last one that was said."""

    connection: http.client.HTTPConnection
    answer: http.client.HTTPResponse
    last: str = ""
    retry: int = 0
    comments: int = 0
    ended: bool = False
    _begun: Event = field(default_factory=Event, repr=False)
    _lines: Queue[str | None] = field(default_factory=Queue, repr=False)
    _reader: threading.Thread | None = field(default=None, repr=False)

    def next(self, seconds: float = PATIENCE_S) -> Event | None:
        """Wait for an event; None where none comes in time or the stream is over. The first call begins to read."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_on, daemon=True)
            self._reader.start()
        ends = time.monotonic() + seconds
        while not self.ended:
            try:
                line = self._lines.get(timeout=max(0, ends - time.monotonic()))
            except Empty:
                return None
            if line is None:
                self.ended = True
            elif event := self._read(line):
                return event
        return None

    def _read_on(self) -> None:
        # A socket that timed out once cannot be read again by http.client: so a thread waits without a limit.
        with suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while line := self.answer.readline():
                self._lines.put(line.decode().rstrip("\n"))
        self._lines.put(None)

    def take(self, number: int, seconds: float = PATIENCE_S) -> list[Event]:
        """Wait for so many events."""
        found = [self.next(seconds) for _ in range(number)]
        return [event for event in found if event is not None]

    def take_until(self, note: str) -> list[Event]:
        """Wait for the event with this note; return those before it."""
        found = []
        while (event := self.next()) is not None and event.shown["note"] != note:
            found.append(event)
        assert event is not None, f"the stream ended, or {note!r} never came"
        return found

    def take_until_ping(self) -> list[Event]:
        """Wait for the next ping; return the events before it."""
        known, found = self.comments, []
        while self.comments == known:
            if (event := self.next(0.1)) is not None:
                found.append(event)
            assert not self.ended
        return found

    def close(self) -> None:
        if self.connection.sock is not None:
            with suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        if self._reader is not None:
            self._reader.join(PATIENCE_S)
        self.connection.close()
        self.answer.close()

    def _read(self, line: str) -> Event | None:
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            self.comments += 1
        elif name == "retry":
            self.retry = int(value)
        elif name == "id":
            self._begun.id = value
        elif name == "event":
            self._begun.kind = value
        elif name == "data":
            self._begun.data = value
        elif not line and self._begun.data:
            event, self._begun = self._begun, Event()
            self.last = event.id  # with the blank line and not before, as the standard has it
            return event
        return None


@dataclass
class Live:
    """The process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    clients: list[Client] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, path: str, **headers: str) -> Client:
        """Open a stream, or get the refusal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        self.clients.append(Client(connection, connection.getresponse()))
        if connection.sock is not None:
            connection.sock.settimeout(None)
        return self.clients[-1]

    def follow(self, secret: str, last: str = "") -> Client:
        """Open the stream of a report."""
        headers = {"Last-Event-ID": last} if last else {}
        return self.open(f"/api/v1/track/{secret}/events", **headers)

    def health(self) -> Any:
        client = self.open("/healthz")
        body = json.loads(client.answer.read())
        client.close()
        return body

    def wait(self, **wanted: Any) -> None:
        """Wait until /healthz says so."""

        def holds() -> bool:
            with suppress(OSError):
                return bool(wanted.items() <= self.health().items())
            return False

        wait_until(holds, lambda: f"not {wanted}: {self.log.read_text()[-3000:]}")


@contextmanager
def running(
    settings: Settings, folder: Path, *, port: int = 0, module: str = "app.live", **over: str
) -> Iterator[Live]:
    """Run the process over a database; ``app.server`` has the pages beside the streams."""
    port = port or reserve_port()
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "MEDIA_ROOT": str(settings.media_root),
        "PUBLIC_URL": settings.public_url,
        **over,
    }
    log = folder / "live.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=written,
            stderr=written,
        )
        live = Live(process, port, log)
        try:
            live.wait(**({"listens": True} if module == "app.live" else {"status": "ok"}))
            yield live
        finally:
            for client in live.clients:
                client.close()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
