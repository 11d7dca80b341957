from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dev.console import Refusal
from dev.ports import listen, read_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_refused_with_another(taken: int) -> None:
    with pytest.raises(Refusal, match=rf"Port {taken} is in use\. Choose another: make run PORT=\d+"):
        listen("127.0.0.1", taken)


def test_a_port_is_taken_for_every_address_when_one_is(taken: int) -> None:
    with pytest.raises(Refusal, match="in use"):
        listen("0.0.0.0", taken)  # noqa: S104  # the address that contains all others


def test_the_port_that_is_named_instead_is_free(taken: int) -> None:
    with pytest.raises(Refusal) as refused:
        listen("127.0.0.1", taken)

    listen("127.0.0.1", int(str(refused.value).rpartition("=")[2])).close()


def test_a_port_is_kept_from_the_check_on_even_from_servers_that_would_share_it() -> None:
    with listen("127.0.0.1", 0) as held, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

        with pytest.raises(OSError, match="in use"):
            other.bind(held.getsockname())
        with pytest.raises(Refusal, match="in use"):
            listen("127.0.0.1", held.getsockname()[1])


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Refusal, match="no address of this machine"):
        listen("192.0.2.1", 8000)


@pytest.mark.parametrize("text", ["", "abc", "0", "-1", "65536", "80.5", "８０００"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="a number from 1 to 65535"):
        read_port(text)


def test_a_port_is_read() -> None:
    assert read_port("8001") == 8001
