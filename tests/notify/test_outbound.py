"""Addresses that users gave: where a request goes, and where it never does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.notify.outbound import MOST_BYTES, NotAllowed, NotReached, Outbound, is_public
from tests.notify.listener import NAME, PUBLIC, Listener, listening
from tests.waiting import PATIENCE_S

URL = f"https://{NAME}/in?of=3"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path) as listener:
        yield listener


def test_a_body_goes_to_the_pinned_address_with_the_name_in_certificate_and_host(listener: Listener) -> None:
    listener.body = b"thanks"

    reply = listener.way().post(URL, b"news", {"X-Own": "1"})

    (taken,) = listener.taken
    assert (reply.status, reply.body) == (200, b"thanks")
    assert listener.dialled == [(PUBLIC, 443)]
    assert (taken.path, taken.body) == ("/in?of=3", b"news")
    assert (taken.headers["host"], taken.headers["x-own"]) == (NAME, "1")
    assert "cookie" not in taken.headers


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with listening(tmp_path, "other.example.org") as listener, pytest.raises(NotReached, match="certificate"):
        listener.way().post(URL, b"", {})

    assert listener.taken == []


def test_a_certificate_that_nobody_vouches_for_is_refused(listener: Listener) -> None:
    stranger = Outbound(resolve=lambda *_: [PUBLIC], dial=listener.way().dial)

    with pytest.raises(NotReached, match="certificate"):
        stranger.post(URL, b"", {})


def test_a_name_is_resolved_once_so_that_rebinding_changes_nothing(listener: Listener) -> None:
    way = listener.way([PUBLIC], ["127.0.0.1"])

    first = way.post(URL, b"", {})

    assert first.status == 200
    assert listener.dialled == [(PUBLIC, 443)]
    with pytest.raises(NotReached, match="private network"):
        way.post(URL, b"", {})
    assert len(listener.dialled) == 1


def test_one_private_address_among_public_ones_is_enough_to_refuse(listener: Listener) -> None:
    with pytest.raises(NotReached, match="private network"):
        listener.way([PUBLIC, "10.0.0.1"]).post(URL, b"", {})

    assert listener.dialled == []


def test_the_next_address_is_tried_where_the_first_does_not_answer(listener: Listener) -> None:
    here = listener.way(["2606:2800:21f::1", PUBLIC])

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        if ":" in address:
            raise OSError("no route")
        return here.dial(address, port, seconds)

    way = Outbound(resolve=here.resolve, dial=dial, context=here.context)

    assert way.post(URL, b"", {}).status == 200
    assert listener.dialled == [(PUBLIC, 443)]


def test_an_ipv6_address_is_dialled_as_it_is(listener: Listener) -> None:
    reply = listener.way(["2606:2800:21f:cb07:6820:80da:af6b:8b2c"]).post(URL, b"", {})

    assert reply.status == 200
    assert listener.dialled[0][0].startswith("2606:")


def test_a_redirect_is_an_answer_and_nothing_to_follow(listener: Listener) -> None:
    listener.status, listener.headers = 302, {"Location": "https://169.254.169.254/latest"}

    reply = listener.way().post(URL, b"", {})

    assert (reply.status, len(listener.taken)) == (302, 1)
    assert "not followed" in reply.line


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"])
def test_an_answer_that_drips_has_no_more_time_than_any_other(listener: Listener, start: bytes) -> None:
    hung_up = threading.Event()

    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(start)
            while True:
                connection.sendall(b"x")
                hung_up.wait(0.05)
        hung_up.set()

    listener.raw = drip

    with pytest.raises(NotReached, match="TimeoutError"):
        listener.way(patience_s=0.4).post(URL, b"", {})

    assert hung_up.wait(PATIENCE_S)


def test_no_more_than_64_kb_of_an_answer_are_read(listener: Listener) -> None:
    listener.body = b"x" * 3_000_000

    reply = listener.way().post(URL, b"", {})

    assert len(reply.body) == MOST_BYTES
    assert len(reply.line) <= 504


def test_a_resolver_that_hangs_is_not_waited_for(listener: Listener) -> None:
    given_up = threading.Event()

    def resolve(*_: object) -> list[str]:
        given_up.wait(PATIENCE_S)
        return [PUBLIC]

    way = Outbound(resolve=resolve, dial=listener.way().dial, patience_s=0.1)

    with pytest.raises(NotReached, match="is not found"):
        way.post(URL, b"", {})
    given_up.set()


def test_proxies_of_the_environment_are_not_used(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert listener.way().post(URL, b"", {}).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "https://user:word@hooks.example.org/",
        "https://@hooks.example.org/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org:22/",
        "https://hooks.example.org:80/",
        "https://hooks.example.org:5432/",
        "https://hooks.example.org:65536/",
        "https://localhost/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://hooks.0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://hooks.example.org\\@127.0.0.1/",
        "https://hooks.example.org/ HTTP/1.1\r\nX: y",
        "https://城市.example.org/",
        "https:///path",
        "https://" + "a." * 1100 + "org/",
        "",
    ],
)
def test_an_address_that_can_be_no_public_host_is_refused_before_any_look_up(url: str) -> None:
    with pytest.raises(NotAllowed):
        Outbound().check(url)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.org", "https://hooks.example.org:8443/a?b=c", "https://xn--fiq.cn/"]
)
def test_a_public_address_is_taken(url: str) -> None:
    assert Outbound().check(url).hostname


@pytest.mark.parametrize(
    ("address", "public"),
    [
        (PUBLIC, True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("64:ff9b::5db8:d70e", True),
        ("0.0.0.0", False),  # noqa: S104  # compared with, not bound to
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.1.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::1", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("2001:db8::1", False),
        ("2002:7f00:1::", False),
        ("2002:5db8:d70e::", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_an_address_is_public_only_where_the_internet_routes_it(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_this_machine_is_reached_only_where_development_allows_it(listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port}/"

    with pytest.raises(NotAllowed):
        Outbound().check(url)

    assert Outbound(loopback=True).check(url).port == listener.port
