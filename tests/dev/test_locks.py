from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev import locks
from dev.console import Refusal
from dev.places import ROOT

HOLD = """
import sys
from pathlib import Path
from dev import locks
with locks.held(Path(sys.argv[1]), busy="", wait=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.pid"


def test_nobody_holds_a_lock_that_was_never_taken(path: Path) -> None:
    assert locks.holder(path) is None
    assert not path.exists()


def test_the_holder_is_known_by_its_process_id_and_keeps_others_out(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"

        assert locks.holder(path) == other.pid
        with pytest.raises(Refusal, match="not now"), locks.held(path, busy="not now", wait=False):
            pass

        other.kill()

    assert locks.holder(path) is None


def test_a_lock_is_free_after_its_block(path: Path) -> None:
    with locks.held(path, busy="", wait=False):
        inside = path.read_text().strip()

    assert inside == str(os.getpid())
    assert locks.holder(path) is None
    with locks.held(path, busy="", wait=False):
        pass
