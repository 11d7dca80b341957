"""The whole server as a process: pages and streams on one port, which it has for itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from app.config import Settings
from app.listener.sockets import bind
from tests.live.lines import filed, note
from tests.live.process import ROOT, Live, running
from tests.make import YUEHAI, make_photo, new_key
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.alone


@pytest.fixture
def server(committed: Settings, tmp_path: Path) -> Iterator[Live]:
    with running(committed, tmp_path, module="app.server", REPORTS_PER_MINUTE="0", LIVE_URL="") as server:
        yield server


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "MEDIA_ROOT": str(settings.media_root),
    }


def file_report(address: str) -> int:
    return requests.post(
        f"{address}/api/v1/reports",
        data={"lon": YUEHAI[0], "lat": YUEHAI[1], "item": "B0121"},
        files={"photos": ("light.jpg", make_photo(), "image/jpeg")},
        headers={"Idempotency-Key": str(new_key())},
        timeout=PATIENCE_S,
    ).status_code


def test_two_hundred_slow_uploads_stop_nobody(server: Live) -> None:
    slow = []
    for _ in range(200):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n-")
        slow.append(client)

    statuses = [requests.get(f"{server.address}{path}", timeout=PATIENCE_S).status_code for path in ("/healthz", "/")]
    filed_status = file_report(server.address)
    for client in slow:
        client.close()

    assert statuses == [200, 200]
    assert filed_status == 201


def test_pages_and_streams_have_one_port_and_more_streams_than_threads(server: Live) -> None:
    _, secret, work_order_id = filed()
    clients = [server.follow(secret) for _ in range(20)]

    page = requests.get(f"{server.address}/track/{secret}", timeout=PATIENCE_S)
    note(work_order_id, "The pole is ordered.")

    assert page.status_code == 200
    assert "connect-src 'self';" in page.headers["Content-Security-Policy"]
    assert [event and event.shown["note"] for event in (client.next(PATIENCE_S) for client in clients)] == [
        "The pole is ordered."
    ] * 20


def test_a_process_that_dies_is_replaced_and_the_others_answer(server: Live) -> None:
    main = psutil.Process(server.process.pid)
    first = {child.pid for child in main.children()}

    os.kill(min(first), signal.SIGKILL)
    now = first
    while min(first) in now or len(now) < len(first):
        assert server.process.poll() is None
        now = {child.pid for child in main.children()}

    assert max(first) in now
    assert requests.get(f"{server.address}/healthz", timeout=PATIENCE_S).status_code == 200


def test_no_two_processes_give_one_request_id(server: Live) -> None:
    ids: list[str] = []

    def ask() -> None:
        for _ in range(10):
            answer = requests.get(f"{server.address}/healthz", timeout=PATIENCE_S)
            ids.append(answer.headers["X-Request-Id"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == 40


def test_without_their_parent_processes_end_and_the_port_is_free(server: Live) -> None:
    children = psutil.Process(server.process.pid).children()
    server.process.kill()
    server.process.wait()

    _, alive = psutil.wait_procs(children, PATIENCE_S)

    assert not alive
    bind("127.0.0.1", server.port).close()


@pytest.mark.parametrize("module", ["app.server", "app.live"])
def test_a_second_server_on_a_port_is_refused_in_one_line(server: Live, committed: Settings, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--port", str(server.port)],
        cwd=ROOT, env=environment(committed), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip

    assert done.returncode == 1
    name = module.removeprefix("app.")
    assert done.stderr.splitlines() == [
        f"{name}: nothing can listen on 127.0.0.1:{server.port}: Address already in use"
    ]


def test_it_serves_on_a_socket_that_it_inherits(committed: Settings, tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "app.server", "--fd", str(number), "--workers", "1"],
            cwd=ROOT, env=environment(committed), pass_fds=[number], stdout=subprocess.DEVNULL,
        )  # fmt: skip
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            # It waits in the queue of the socket until somebody answers.
            assert requests.get(f"{address}/healthz", timeout=PATIENCE_S).status_code == 200
        finally:
            process.terminate()
        assert process.wait(PATIENCE_S) == 0
