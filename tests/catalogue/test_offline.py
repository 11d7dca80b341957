"""``flask city check`` needs no settings; every other command names the settings that are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.catalogue.town import write_town

ROOT = Path(__file__).parents[2]


def flask(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty environment."""
    command = [sys.executable, "-m", "flask", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)


def test_check_reads_files_without_any_setting(tmp_path: Path) -> None:
    good = flask("city", "check", write_town(tmp_path))
    bad = flask("city", "check", write_town(tmp_path, units=("works,city,town", "works,city,moon")))

    assert (good.returncode, good.stderr) == (0, "")
    assert bad.returncode == 1
    assert "units.csv:3: error: the area moon is not known" in bad.stdout


@pytest.mark.parametrize("words", [("city", "load", "docs"), ("db", "upgrade"), ("run",)])
def test_a_command_that_needs_settings_names_them_in_one_line(words: tuple[str, ...]) -> None:
    done = flask(*words)

    assert done.returncode == 1
    assert "DATABASE_URL is missing; SECRET_KEY is missing; MEDIA_ROOT is missing" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
