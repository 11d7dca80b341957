from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.console import Refusal
from dev.places import SOCKET_ROOM, aside, city_code, database_name, require_writable, shared_data, socket_folder


def test_a_socket_lies_beside_its_data_when_the_path_is_short() -> None:
    assert socket_folder(Path("/srv/app/var/pg"), 7) == Path("/srv/app/var/pg/socket")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=200))
def test_a_socket_always_fits_what_the_kernel_allows(name: str) -> None:
    folder = socket_folder(Path("/srv") / name, 7)

    assert len(os.fsencode(folder / ".s.PGSQL.5432")) < 108
    assert folder == socket_folder(Path("/srv") / name, 7)


def test_two_long_checkouts_and_two_accounts_have_four_sockets() -> None:
    long = "x" * SOCKET_ROOM
    homes = [Path("/a") / long, Path("/b") / long]

    assert len({socket_folder(home, owner) for home in homes for owner in (1, 2)}) == 4


def test_the_clusters_of_one_checkout_move_aside_together_and_those_of_two_apart() -> None:
    main, scratch = aside(Path("/home/one/var/pg")), aside(Path("/home/one/var/test-pg"))

    assert main.parent == scratch.parent
    assert main != scratch
    assert aside(Path("/home/two/var/pg")).parent != main.parent


def test_plain_codes_give_plain_names() -> None:
    assert database_name("440300") == "ssp_440300"
    assert database_name("us-boston") == "ssp_us_boston"


@given(st.sets(st.text(min_size=1, max_size=80), min_size=2, max_size=2))
def test_two_codes_never_share_a_database(codes: set[str]) -> None:
    names = {database_name(code) for code in codes}

    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in names)


def test_codes_that_differ_only_in_what_a_name_cannot_hold_are_kept_apart() -> None:
    assert len({database_name(code) for code in ("a-b", "a_b", "A-B", "a--b", "a.b", "深圳", "广州")}) == 7


def test_the_code_of_a_pack_is_read(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text('code = "440300"\n', encoding="utf-8")

    assert city_code(tmp_path) == "440300"


@pytest.mark.parametrize("text", ["", "code = 440300", 'code = " "', "code =", 'code = "\udcff"'])
def test_a_pack_without_a_usable_code_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "city.toml").write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(Refusal, match=r"city\.toml"):
        city_code(tmp_path)


def test_a_missing_pack_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="CITY=path"):
        city_code(tmp_path / "nowhere")


def test_a_folder_in_the_place_of_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")

    with pytest.raises(Refusal, match="cannot be written"):
        require_writable(tmp_path / "var")


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "var")

    assert list((tmp_path / "new" / "var").iterdir()) == []


def test_a_linked_worktree_finds_the_test_data_beside_the_main_checkout(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "elsewhere" / "linked"
    for folder in (main / ".git" / "worktrees" / "linked", linked, tmp_path / "shared"):
        folder.mkdir(parents=True)
    (linked / ".git").write_text(f"gitdir: {main / '.git' / 'worktrees' / 'linked'}\n")

    assert shared_data(main) == shared_data(linked) == tmp_path / "shared"


def test_test_data_beside_a_worktree_come_first(tmp_path: Path) -> None:
    linked = tmp_path / "elsewhere" / "linked"
    for folder in (linked, linked.parent / "shared"):
        folder.mkdir(parents=True)
    (linked / ".git").write_text("gitdir: /srv/main/.git/worktrees/linked\n")

    assert shared_data(linked) == linked.parent / "shared"
