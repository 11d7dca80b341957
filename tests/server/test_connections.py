from __future__ import annotations

import threading
from pathlib import Path

from app.listener.connections import ConnectionLimits
from tests.server.serving import PATIENCE_S, POST, read_answer, read_end, served, status

GET = b"GET /page HTTP/1.1\r\nHost: city.example.org\r\n"


def test_a_head_that_does_not_end_in_time_closes_the_connection(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(head_s=0.5, idle_s=PATIENCE_S)) as (site, _):
        silent, dripping = site.send(), site.send(GET + b"X-Slow: a")

        assert read_end(silent) == b""
        assert read_end(dripping) == b""
        assert site.app.requests == []


def test_the_head_of_a_second_request_has_no_more_time_than_that_of_the_first(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(head_s=1.0, idle_s=10 * PATIENCE_S)) as (site, _):
        client = site.send(GET + b"\r\n")
        assert status(read_answer(client)) == 200
        client.sendall(GET)

        assert read_end(client) == b""


def test_an_idle_connection_ends_after_a_while(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(head_s=PATIENCE_S, idle_s=0.5)) as (site, _):
        client = site.send(GET + b"\r\n")

        assert status(read_answer(client)) == 200
        assert read_end(client) == b""


def test_a_body_may_take_longer_than_a_head(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(head_s=0.3, idle_s=0.3)) as (site, _):
        client = site.send(POST + b"Content-Length: 3\r\n\r\na")
        idle = site.send()
        assert read_end(idle) == b""
        client.sendall(b"bc")

        assert status(read_answer(client)) == 200


def test_a_head_without_end_closes_the_connection(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(head_bytes=10_000)) as (site, _):
        client = site.send(GET)
        try:
            for _ in range(10_000):
                client.sendall(b"X-Long: " + b"a" * 1000 + b"\r\n")
        except ConnectionError:
            pass

        assert read_end(client) == b""
        assert site.app.requests == []


def test_a_large_body_in_one_piece_with_its_head_is_no_large_head(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(head_bytes=10_000)) as (site, _):
        answer = site.ask(POST + b"Content-Length: 900000\r\n\r\n" + bytes(900_000))

        assert status(answer) == 200


def test_where_there_are_too_many_connections_the_longest_idle_one_is_closed(tmp_path: Path) -> None:
    with served(tmp_path, connections=ConnectionLimits(most=3, head_s=PATIENCE_S, idle_s=PATIENCE_S)) as (site, _):
        working = site.send(POST + b"Content-Length: 3\r\n\r\na")
        first = site.send(GET + b"\r\n")
        assert status(read_answer(first)) == 200
        second = site.send(GET + b"\r\n")
        assert status(read_answer(second)) == 200

        assert status(site.ask(GET + b"\r\n")) == 200

        assert read_end(first) == b""
        working.sendall(b"bc")
        assert status(read_answer(working)) == 200


def test_at_the_end_idle_connections_are_closed_and_running_requests_are_finished(tmp_path: Path) -> None:
    with served(tmp_path, grace_s=PATIENCE_S) as (site, stop):
        idle = site.send(GET + b"\r\n")
        assert status(read_answer(idle)) == 200
        running = site.send(b"GET /hold HTTP/1.1\r\nHost: city.example.org\r\n\r\n")
        assert site.app.held.acquire(timeout=PATIENCE_S)

        ending = threading.Thread(target=stop)
        ending.start()
        assert read_end(idle) == b""
        site.app.go.set()

        assert status(read_answer(running)) == 200
        ending.join(PATIENCE_S)
        assert not ending.is_alive()
