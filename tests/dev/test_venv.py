from __future__ import annotations

from pathlib import Path

from dev.venv import fingerprint, is_stamped, stamp


def test_a_stamp_holds_until_a_requirement_changes(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("flask==3.1.3\n")
    stamp(tmp_path, "run", fingerprint([requirements]))
    before = is_stamped(tmp_path, "run", fingerprint([requirements]))

    requirements.write_text("flask==3.1.4\n")

    assert before
    assert not is_stamped(tmp_path, "run", fingerprint([requirements]))


def test_another_python_needs_another_environment(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("flask==3.1.3\n")

    assert fingerprint([requirements], "3.11") != fingerprint([requirements], "3.12")


def test_a_checkout_that_was_moved_needs_another_environment(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("flask==3.1.3\n")

    assert fingerprint([requirements], place=Path("/a")) != fingerprint([requirements], place=Path("/b"))


def test_an_environment_that_runs_is_not_yet_one_that_tests(tmp_path: Path) -> None:
    stamp(tmp_path, "run", "mark")

    assert not is_stamped(tmp_path, "tests", "mark")


def test_moving_a_line_to_the_other_file_is_a_change(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"a\n")
    second.write_bytes(b"b\n")
    before = fingerprint([first, second])

    first.write_bytes(b"a\nb\n")
    second.write_bytes(b"")

    assert fingerprint([first, second]) != before
