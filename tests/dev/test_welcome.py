from __future__ import annotations

import shlex
from pathlib import Path

from dev.environment import Plan
from dev.welcome import read_tokens, report_command, welcome


def test_the_command_files_a_report_with_a_key_of_its_own() -> None:
    first, second = (report_command("http://127.0.0.1:8000", ["113.94", "22.53", "B0121"]) for _ in range(2))

    words = shlex.split(first)

    assert words[:5] == ["curl", "-i", "-X", "POST", "http://127.0.0.1:8000/api/v1/reports"]
    assert {"lon=113.94", "lat=22.53", "item=B0121"} <= set(words)
    assert first != second


def test_tokens_that_are_not_there_or_broken_are_none(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"

    missing = read_tokens(file, "440300")
    file.write_text("[")

    assert missing == read_tokens(file, "440300") == {}


def test_tokens_are_told_by_role_for_one_city(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text('{"440300": {"crew": "t1"}, "crew": "of an older file"}')

    assert read_tokens(file, "440300") == {"crew": "t1"}
    assert read_tokens(file, "25025") == read_tokens(file, "crew") == {}


def test_the_first_line_has_the_seconds_and_the_address() -> None:
    plan = Plan.of({"PORT": "8123"})

    lines = welcome(plan, [], seconds=6.249).strip().splitlines()

    assert lines[0] == "Ready in 6.2 s: http://127.0.0.1:8123"
    assert any("LOG_LEVEL=INFO" in line for line in lines)
