from __future__ import annotations

from pathlib import Path

from dev.cluster_settings import render


def test_the_socket_is_the_only_way_in() -> None:
    lines = render(Path("/srv/var/pg/socket"), durable=True).splitlines()

    assert "listen_addresses = ''" in lines
    assert "unix_socket_permissions = '0700'" in lines
    assert "unix_socket_directories = '\"/srv/var/pg/socket\"'" in lines


def test_only_a_passing_cluster_may_lose_data() -> None:
    socket = Path("/s")

    assert "fsync" not in render(socket, durable=True)
    assert "fsync = 'off'" in render(socket, durable=False)


def test_a_quote_in_a_path_stays_a_quote() -> None:
    assert "it''s" in render(Path("/it's"), durable=True)
