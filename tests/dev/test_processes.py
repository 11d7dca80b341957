from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import processes
from tests.waiting import PATIENCE_S, wait_until

DEAF = "trap '' TERM; touch deaf; while :; do sleep 0.1; done"


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    mark = f"SUISHOUPAI_TEST={tmp_path}"
    yield mark
    processes.end(lambda: processes.marked(mark), grace=0)


def start(mark: str, script: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
    name, value = mark.split("=", 1)
    return subprocess.Popen(["sh", "-c", script], env={**os.environ, name: value}, cwd=cwd)


def test_the_children_of_a_dead_parent_are_found_and_ended(mark: str) -> None:
    with start(mark, "sleep 60 & echo; exit 0"):
        pass
    orphans = processes.marked(mark)

    processes.end(lambda: processes.marked(mark), grace=PATIENCE_S)

    assert len(orphans) == 1
    assert processes.marked(mark) == []


def test_what_does_not_listen_is_killed_after_the_grace(mark: str, tmp_path: Path) -> None:
    with start(mark, DEAF, cwd=tmp_path) as child:
        wait_until((tmp_path / "deaf").exists)

        processes.end(lambda: processes.marked(mark), grace=0.1)

        assert child.wait(PATIENCE_S) == -signal.SIGKILL
        wait_until(lambda: not processes.marked(mark))


def test_a_process_is_known_by_its_working_folder(mark: str, tmp_path: Path) -> None:
    with start(mark, "exec sleep 60", cwd=tmp_path) as child:
        wait_until(lambda: processes.working_in(tmp_path) == [child.pid])
        child.kill()

    assert processes.working_in(tmp_path) == []
