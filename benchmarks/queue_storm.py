"""A storm: filings offered at a rate whatever the answers take, a mail server that counts, the queue looked at."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from statistics import median
from typing import Any
from uuid import uuid4

from aiosmtpd.controller import Controller

from benchmarks.calls import file
from benchmarks.draws import Draw
from benchmarks.queue_city import HOST, Running, address_of
from benchmarks.web import LONGEST_SECONDS, Request, free_port

AT_ONCE = 64
JOINING = 5
SAMPLE_SECONDS = 5.0
FEW, SOON_SECONDS = 300, 30.0
WAITING = (
    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())"
)
# Milliseconds that the sessions of this database spent on statements, waits for locks among them.
ACTIVE = "SELECT active_time FROM pg_stat_database WHERE datname = current_database()"


class Sink:
    """A mail server that takes everything and counts by address."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802  # aiosmtpd's
        """Take a mail."""
        self.taken.update(envelope.rcpt_tos)
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[tuple[Sink, str]]:
    """Run a mail server on this machine; give what it took and its address."""
    port = free_port()
    sink = Sink()
    controller = Controller(sink, hostname=HOST, port=port)
    controller.start()
    try:
        yield sink, f"smtp://{HOST}:{port}"
    finally:
        controller.stop()


@dataclass(slots=True)
class Storm:
    """What came of it. ``waiting`` has seconds since the first filing, and how many jobs were due then."""

    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    joined: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    refusals: list[Any] = field(default_factory=list)
    waiting: list[tuple[float, int]] = field(default_factory=list)
    few_after: float | None = None
    database_ms: float = 0.0
    wrong_mails: int = 0

    @property
    def growth(self) -> int:
        """Give by how many the waiting jobs grew in the last minute of filing: the medians of its outer thirds."""
        first = [count for at, count in self.waiting if self.ended - 60 <= at < self.ended - 40]
        last = [count for at, count in self.waiting if self.ended - 20 <= at <= self.ended]
        return round(median(last) - median(first)) if first and last else 0

    @property
    def most_waiting(self) -> int:
        """Give how many jobs waited at the worst moment."""
        return max((count for _, count in self.waiting), default=0)

    def at(self, second: float) -> int | None:
        """Give how many waited at a second."""
        return next((count for at, count in reversed(self.waiting) if at <= second), None)


def rage(running: Running, draws: Sequence[Draw], *, rate: float, sink: Sink | None, patience: float) -> Storm:
    """Offer a filing after the other, one in five joining the last one, then wait until the queue is empty."""
    before = running.number(ACTIVE)
    storm, over = Storm(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(running, storm, over))
    watcher.start()
    try:
        _offer(running.port, draws, storm, rate=rate)
        storm.ended = time.monotonic() - storm.began
        _wait_until_empty(running, storm, sink, patience=patience)
    finally:
        over.set()
        watcher.join()
    time.sleep(2)  # sessions report their times when they are idle, a second later at most
    storm.database_ms = running.number(ACTIVE) - before
    if sink is not None:
        expected = Counter({address_of(number): 1 for number in storm.acknowledged})
        storm.wrong_mails = sum(((expected - sink.taken) + (sink.taken - expected)).values())
    return storm


def _wait_until_empty(running: Running, storm: Storm, sink: Sink | None, *, patience: float) -> None:
    """Wait until no job waits and all mail has come, so many seconds at most; note when few waited."""
    while time.monotonic() - storm.began < storm.ended + patience:
        waiting = int(running.number(WAITING))
        if waiting < FEW and storm.few_after is None:
            storm.few_after = time.monotonic() - storm.began - storm.ended
        if not waiting and (sink is None or sum(sink.taken.values()) >= len(storm.acknowledged)):
            break
        time.sleep(0.5)


def _offer(port: int, draws: Sequence[Draw], storm: Storm, *, rate: float) -> None:
    """Send each filing at its time, or as soon as one of 64 connections is free."""
    last: list[tuple[Draw, str]] = []
    kept = threading.local()

    def send(number: int, draw: Draw) -> None:
        joins = number % JOINING == JOINING - 1 and last
        of, same = last[-1] if joins else (draw, None)
        began = time.perf_counter()
        status, said = _ask(kept, port, _filing(of, number, same))
        storm.milliseconds.append((time.perf_counter() - began) * 1000)
        if status == HTTPStatus.CREATED:
            storm.acknowledged.add(number)
            storm.joined += bool(said["joined"])
            last[:] = [(of, str(said["work_order"]))]
        else:
            storm.refused[status] += 1
            storm.refusals.append(said)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number, draw in enumerate(draws):
            time.sleep(max(0.0, storm.began + number / rate - time.monotonic()))
            pool.submit(send, number, draw)


def _filing(draw: Draw, number: int, same: str | None) -> Request:
    asked = file(draw, uuid4())
    body = json.loads(asked.body or b"{}") | {"contact": address_of(number)} | ({"same_as": same} if same else {})
    return Request(asked.method, asked.path, json.dumps(body).encode(), asked.headers)


def _ask(kept: threading.local, port: int, request: Request) -> tuple[int, Any]:
    """Send a request over this thread's connection; give 0 where there was no answer."""
    if not hasattr(kept, "connection"):
        kept.connection = http.client.HTTPConnection(HOST, port, timeout=LONGEST_SECONDS)
    try:
        kept.connection.request(request.method, request.path, request.body, dict(request.headers))
        answer = kept.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException):
        kept.connection.close()
        return 0, {}


def _watch(running: Running, storm: Storm, over: threading.Event) -> None:
    while not over.wait(SAMPLE_SECONDS):
        storm.waiting.append((time.monotonic() - storm.began, int(running.number(WAITING))))
