from __future__ import annotations

from pathlib import Path

import pytest

from dev import postgres
from dev.console import Refusal


def make_server(root: Path, version: str, *, programs: tuple[str, ...] = postgres.NEEDED, postgis: bool = True) -> None:
    folder = root / "lib" / version / "bin"
    folder.mkdir(parents=True)
    for name in programs:
        (folder / name).touch()
    extensions = root / "share" / version / "extension"
    extensions.mkdir(parents=True)
    if postgis:
        (extensions / "postgis.control").touch()


def test_the_newest_server_with_postgis_comes_first(tmp_path: Path) -> None:
    make_server(tmp_path, "15")
    make_server(tmp_path, "17")
    make_server(tmp_path, "18", postgis=False)

    found = postgres.with_postgis(tmp_path / "lib", tmp_path / "share")

    assert [server.version for server in found] == [17, 15]
    assert found[0].program("psql") == str(tmp_path / "lib" / "17" / "bin" / "psql")


def test_old_versions_clients_and_strange_folders_are_no_servers(tmp_path: Path) -> None:
    make_server(tmp_path, "14")
    make_server(tmp_path, "16", programs=("psql",))
    make_server(tmp_path, "old")

    assert postgres.installed(tmp_path / "lib") == []


def test_data_of_a_version_that_is_not_installed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("99\n")

    with pytest.raises(Refusal, match="PostgreSQL 99"):
        postgres.server_for(tmp_path)
