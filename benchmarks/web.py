"""The service over HTTP: its server as the Procfile starts it, and a client that keeps its connections."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev import environment
from dev.console import Refusal
from dev.places import ROOT
from dev.processes import wait_until

START_SECONDS = 60.0
GRACE_SECONDS = 15.0
HOST = "127.0.0.1"
LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """How long an answer took, in milliseconds, and what it said in JSON."""

    milliseconds: float
    said: Any


class Server:
    """The web process of the Procfile over one database, on a free port of this machine; ``folder`` is its checkout."""

    def __init__(self, settings: Mapping[str, str], *, folder: Path = ROOT) -> None:
        self.port = free_port()
        env = environment.whole({**settings, "HOST": HOST, "PORT": str(self.port)})
        # Should we be killed, the kernel asks it to end. Its log lines are written as in life, but kept nowhere.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "sh", "-c", web_command(folder)],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Give its first process; the others are children of it."""
        return self._process.pid

    def wait(self) -> None:
        """Wait until it answers."""
        if not wait_until(lambda: self._process.poll() is not None or self._answers(), START_SECONDS):
            raise Refusal(f"The web server does not answer within {START_SECONDS:.0f} seconds.")
        if self._process.poll() is not None:
            raise Refusal("The web server ended at its start; its last words are above.")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def measure(self, requests: Sequence[Request], *, clients: int, seconds: float, expected: int) -> list[Answered]:
        """Send requests, one after the other on each of ``clients`` connections, until they or the seconds run out.

        Raises Refusal for an answer of another status than ``expected``.
        """
        ends = time.perf_counter() + seconds
        found: list[Answered] = []
        faults: list[BaseException] = []

        def work(mine: Sequence[Request]) -> None:
            try:
                found.extend(self._send(mine, ends, expected))
            except (OSError, http.client.HTTPException, Refusal) as fault:
                faults.append(fault)

        threads = [threading.Thread(target=work, args=(requests[first::clients],)) for first in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise Refusal(f"A request failed: {faults[0]}")
        return found

    def _send(self, requests: Sequence[Request], ends: float, expected: int) -> list[Answered]:
        found = []
        connection = http.client.HTTPConnection(HOST, self.port, timeout=LONGEST_SECONDS)
        connection.connect()
        for request in requests:
            began = time.perf_counter()
            connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
            ended = time.perf_counter()
            if answer.status != expected:
                raise Refusal(f"{request.method} {request.path} answered {answer.status}: {body[:500].decode()}")
            said = json.loads(body) if "json" in answer.headers.get("Content-Type", "") else None
            found.append(Answered((ended - began) * 1000, said))
            if ended > ends:
                break
        connection.close()
        return found

    def _answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        return False


def web_command(folder: Path = ROOT) -> str:
    """Give the command of the web process, as the Procfile has it."""
    for line in (folder / "Procfile").read_text(encoding="utf-8").splitlines():
        name, _, command = line.partition(":")
        if name.strip() == "web":
            return command.strip()
    raise Refusal("The Procfile has no web process.")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
