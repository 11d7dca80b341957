from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.bodies import Room
from app.server.limits import Limits
from tests.server.serving import POST, Site, read_answer, read_end, served, status
from tests.waiting import wait_until

GET = b"GET /page HTTP/1.1\r\nHost: city.example.org\r\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path, threads=2) as (site, _):
        yield site


def post(body: bytes, *headers: bytes) -> bytes:
    return POST + b"".join(line + b"\r\n" for line in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    found: dict[str, object] = json.loads(body)
    assert found["status"] == status(answer)
    return found


def test_two_hundred_bodies_that_drip_hold_no_thread(site: Site) -> None:
    slow = [site.send(POST + b"Content-Length: 100000\r\n\r\nx") for _ in range(200)]

    answers = [site.ask(GET + b"\r\n"), site.ask(post(b"whole"))]
    for client in slow:
        client.sendall(b"x")

    assert [status(answer) for answer in answers] == [200, 200]
    assert status(site.ask(GET + b"\r\n")) == 200
    assert len(site.app.requests) == 3


def test_a_body_that_comes_too_slowly_ends_with_408(tmp_path: Path) -> None:
    with served(tmp_path, window_s=0.2, window_bytes=1000) as (site, _):
        client = site.send(POST + b"Content-Length: 100000\r\n\r\n" + b"x" * 500)

        answer = read_end(client)

        assert problem(answer)["title"] == "Request Timeout"
        assert b"connection: close" in answer.lower()
        assert site.app.requests == []


def test_a_body_that_does_not_end_in_all_its_time_ends_with_408(tmp_path: Path) -> None:
    with served(tmp_path, body_s=0.3, window_s=0.1, window_bytes=0) as (site, _):
        assert status(read_end(site.send(POST + b"Content-Length: 100000\r\n\r\nx"))) == 408


def test_a_body_that_comes_fast_enough_may_take_many_windows(tmp_path: Path) -> None:
    with served(tmp_path, window_s=1, window_bytes=1) as (site, _):
        client = site.send(POST + b"Content-Length: 400\r\n\r\n")
        ends = time.monotonic() + 2.5
        for left in range(400, 0, -1):
            client.sendall(b"x")
            time.sleep(max(0.0, (ends - time.monotonic()) / left))

        assert status(read_answer(client)) == 200


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(site: Site) -> None:
    client = site.send(POST + b"Content-Length: 1000001\r\nExpect: 100-continue\r\n\r\n")

    answer = read_end(client)

    assert status(answer) == 413
    assert problem(answer)["type"] == "/problems#too-large"
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("accept", [b"text/html,application/xhtml+xml,*/*;q=0.8", b"text/html"])
def test_a_browser_gets_a_page_in_both_languages(site: Site, accept: bytes) -> None:
    client = site.send(POST + b"Accept: " + accept + b"\r\nContent-Length: 1000001\r\n\r\n")

    answer = read_end(client)

    head, _, page = answer.partition(b"\r\n\r\n")
    assert status(answer) == 413
    assert b"content-type: text/html; charset=utf-8" in head.lower()
    assert "照片合计太大" in page.decode()
    assert "The photos are too large together" in page.decode()


def test_a_body_in_chunks_that_is_too_large_is_refused_where_it_becomes_so(site: Site) -> None:
    client = site.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(17):
        client.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")

    assert status(read_end(client)) == 413
    assert site.app.requests == []


def test_a_client_that_waits_for_100_gets_it_and_sends_its_body(site: Site) -> None:
    client = site.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")

    assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"photo")

    assert read_answer(client).endswith(b"5 bytes")


def test_a_body_in_chunks_reaches_the_application_whole_and_with_its_length(site: Site) -> None:
    answer = site.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    assert status(answer) == 200
    assert site.app.bodies == [b"abcde"]
    assert site.app.requests[0]["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in site.app.requests[0]


def test_a_large_body_is_kept_on_disk_and_reaches_the_application_whole(tmp_path: Path) -> None:
    body = bytes(range(256)) * 3000
    with served(tmp_path, spool_bytes=1000, memory_bytes=1000) as (site, _):
        assert status(site.ask(post(body))) == 200

        assert site.app.bodies == [body]
        assert list(tmp_path.iterdir()) == []


def test_what_all_uploads_hold_is_bounded_and_small_ones_go_on(tmp_path: Path) -> None:
    with served(tmp_path, spool_bytes=1000, disk_bytes=250_000, window_s=600.0) as (site, _):
        held = site.send(POST + b"Content-Length: 250000\r\n\r\n" + bytes(200_000))
        while site.gateway.room.disk < 200_000:
            threading.Event().wait(0.01)

        refused = site.ask(post(bytes(100_000)))
        assert status(refused) == 503
        assert b"retry-after: 5" in refused.lower()
        assert status(site.ask(post(b"small"))) == 200

        held.sendall(bytes(50_000))
        assert status(read_answer(held)) == 200
        assert status(site.ask(post(bytes(100_000)))) == 200


def test_who_leaves_before_the_end_of_a_body_leaves_nothing_behind(tmp_path: Path) -> None:
    with served(tmp_path, spool_bytes=1000, window_s=600.0) as (site, _):
        client = site.send(POST + b"Content-Length: 250000\r\n\r\n" + bytes(200_000))
        while site.gateway.room.disk < 200_000:
            threading.Event().wait(0.01)
        client.close()
        while site.gateway.room.disk:
            threading.Event().wait(0.01)

        assert site.app.requests == []


def test_a_folder_that_takes_no_more_is_503(tmp_path: Path) -> None:
    with served(tmp_path / "missing", spool_bytes=1000) as (site, _):
        answer = site.ask(post(bytes(100_000)))

        assert status(answer) == 503
        assert b"retry-after: 5" in answer.lower()


def test_who_finds_no_thread_in_time_is_503_and_the_rest_goes_on(tmp_path: Path) -> None:
    with served(tmp_path, threads=1, thread_wait_s=0.1) as (site, _):
        first = site.send(b"GET /hold HTTP/1.1\r\nHost: city.example.org\r\n\r\n")
        assert site.app.held.acquire(timeout=60)

        refused = site.ask(GET + b"\r\n")
        site.app.go.set()

        assert status(refused) == 503
        assert b"retry-after: 5" in refused.lower()
        assert status(read_answer(first)) == 200
        assert status(site.ask(GET + b"\r\n")) == 200


def test_an_answer_that_does_not_come_in_time_is_503(tmp_path: Path) -> None:
    with served(tmp_path, threads=1, answer_s=0.1) as (site, _):
        answer = site.ask(b"GET /hold HTTP/1.1\r\nHost: city.example.org\r\n\r\n")
        site.app.go.set()

        assert status(answer) == 503
        assert "too long" in str(problem(answer)["detail"])
        wait_until(lambda: status(site.ask(GET + b"\r\n")) == 200)


def test_slow_readers_of_large_answers_hold_no_thread(tmp_path: Path) -> None:
    with served(tmp_path, threads=1) as (site, _):
        readers = [site.send(b"GET /large HTTP/1.1\r\nHost: city.example.org\r\n\r\n") for _ in range(5)]
        assert [reader.recv(12) for reader in readers] == [b"HTTP/1.1 200"] * 5

        assert status(site.ask(GET + b"\r\n")) == 200


def test_who_does_not_read_an_answer_loses_it_and_the_application_closes_it(tmp_path: Path) -> None:
    with served(tmp_path, piece_s=0.2) as (site, _):
        site.send(b"GET /large HTTP/1.1\r\nHost: city.example.org\r\n\r\n")

        assert site.app.closed.wait(60)


def test_two_requests_on_one_connection_are_answered_in_turn(site: Site) -> None:
    client = site.send(post(b"one") + post(b"three"))

    assert read_answer(client).endswith(b"3 bytes")
    assert read_answer(client).endswith(b"5 bytes")


def test_head_has_the_length_and_no_body(site: Site) -> None:
    client = site.send(b"HEAD /page HTTP/1.1\r\nHost: city.example.org\r\nConnection: close\r\n\r\n")

    assert read_end(client).partition(b"\r\n\r\n")[2] == b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a.example.org\r\nHost: b.example.org\r\n\r\n",
        b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
    ],
)
def test_a_request_without_exactly_one_host_is_400(site: Site, head: bytes) -> None:
    assert status(site.ask(head)) == 400
    assert site.app.requests == []


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Content-Length: +5\r\n\r\nabcde",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5;\nx\r\nabcde\r\n0\r\n\r\n",
    ],
)
def test_two_ways_to_read_one_body_are_refused(site: Site, framing: bytes) -> None:
    answer = read_end(site.send(POST + framing))

    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert site.app.requests == []


def test_the_environment_is_as_pep_3333_has_it(site: Site) -> None:
    site.ask(
        b"GET /a%2Fb/%E8%B7%AF?q=%E7%81%AF HTTP/1.1\r\nHost: city.example.org\r\nX-Forwarded-For: 192.0.2.1\r\n"
        b"X-Forwarded-For: 192.0.2.2\r\nX_Forwarded_For: 192.0.2.3\r\nProxy: http://192.0.2.4\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nX-Request-Id: given-by-proxy\r\n\r\n"
    )

    environ = site.app.requests[0]
    assert environ["PATH_INFO"] == "/a/b/路".encode().decode("latin-1")
    assert environ["QUERY_STRING"] == "q=%E7%81%AF"
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1,192.0.2.2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_HOST"] == "city.example.org"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["wsgi.url_scheme"] == "http"
    assert "HTTP_PROXY" not in environ


def test_a_refusal_has_the_id_that_the_proxy_gave_the_request(site: Site) -> None:
    answer = site.ask(POST + b"X-Request-Id: given-by-proxy\r\nContent-Length: 1000001\r\n\r\n")

    assert problem(answer)["instance"] == "urn:request:given-by-proxy"
    assert b"x-request-id: given-by-proxy" in answer


def test_room_that_is_given_back_can_be_taken_again() -> None:
    room = Room(Limits(body_bytes=1, memory_bytes=10, disk_bytes=10))

    room.take(memory=10)
    room.give(memory=10)
    room.take(memory=10, disk=10)

    assert (room.memory, room.disk) == (10, 10)
