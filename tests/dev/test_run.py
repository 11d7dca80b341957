from __future__ import annotations

import os
from pathlib import Path

import pytest

from dev import run
from dev.environment import Plan
from dev.welcome import TOKENS

# Stands for the application: writes down what it was asked, and prints what `flask prepare` prints.
FLASK = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
echo "A pack is loaded already."
echo "113.94 22.53 B0121"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of programs in place of `.venv/bin`."""
    (tmp_path / "flask").write_text(FLASK)
    (tmp_path / "flask").chmod(0o755)
    monkeypatch.setattr(run, "PROGRAMS", tmp_path)
    return tmp_path


def test_one_start_of_the_application_prepares_all_and_gives_the_example(
    programs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = Plan.of({})

    example = run.prepare(plan, os.environ)

    assert (programs / "asked").read_text().splitlines() == [f"prepare {plan.pack} --demo {TOKENS}"]
    assert example == ["113.94", "22.53", "B0121"]
    assert capfd.readouterr().out == "A pack is loaded already.\n"


def test_a_database_that_is_not_ours_gets_no_demonstration_staff(programs: Path) -> None:
    plan = Plan.of({"DATABASE_URL": "postgresql+psycopg://db/x"})

    run.prepare(plan, os.environ)

    assert (programs / "asked").read_text().splitlines() == [f"prepare {plan.pack}"]
