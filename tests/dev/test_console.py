from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from dev.console import Progress, Refusal, follow, relay

STEP = re.compile(r"step (\w+)")


def test_a_long_count_is_told_at_most_ten_times() -> None:
    progress = Progress(1000)

    told = [line for line in (progress.step("x") for _ in range(1000)) if line]

    assert len(told) == 10
    assert told[-1].split() == ["100", "%", "x"]


def test_more_steps_than_expected_are_never_more_than_all() -> None:
    progress = Progress(1)

    told = [progress.step("x") for _ in range(5)]

    assert all(line is None or "100 %" in line for line in told)


def test_the_output_of_a_command_becomes_its_progress(capfd: pytest.CaptureFixture[str]) -> None:
    script = "print('noise'); print('2 things'); print('step a'); print('Last words'); print('step b')"
    total_line = re.compile(r"(\d+) things")

    follow([sys.executable, "-c", script], step=STEP, total_line=total_line, landmark="Last")

    assert capfd.readouterr().out.split("\n") == ["   50 %  a", "         Last", "  100 %  b", ""]


def test_a_command_that_fails_shows_its_last_words_and_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refusal, match="failed"):
        follow([sys.executable, "-c", "print('why'); raise SystemExit(3)"], step=STEP)

    assert "why" in capfd.readouterr().err


def test_the_lines_of_a_command_are_shown_and_its_answer_is_returned(capfd: pytest.CaptureFixture[str]) -> None:
    script = "print('Migrating'); print('answer: 7'); print('Loading')"

    found = relay([sys.executable, "-c", script], answer=re.compile(r"answer: \d"), env=os.environ, cwd=Path.cwd())

    assert found == "answer: 7"
    assert capfd.readouterr().out == "Migrating\nLoading\n"


def test_a_relayed_command_that_fails_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refusal, match="failed"):
        relay([sys.executable, "-c", "raise SystemExit(3)"], answer=STEP, env=os.environ, cwd=Path.cwd())
