from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import processes

DEAF = "trap '' TERM; while :; do sleep 0.1; done"


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

    processes.end(lambda: processes.marked(mark), grace=5)

    assert len(orphans) == 1
    assert processes.marked(mark) == []


def test_what_does_not_listen_is_killed_after_the_grace(mark: str) -> None:
    with start(mark, DEAF):
        assert processes.wait_until(lambda: bool(processes.marked(mark)), 5)
        time.sleep(0.3)
        started = time.monotonic()

        processes.end(lambda: processes.marked(mark), grace=0.5)

        assert processes.marked(mark) == []
        assert time.monotonic() - started < 5


def test_a_process_is_known_by_its_working_folder(mark: str, tmp_path: Path) -> None:
    with start(mark, "exec sleep 60", cwd=tmp_path) as child:
        assert processes.wait_until(lambda: processes.working_in(tmp_path) == [child.pid], 5)
        child.kill()

    assert processes.working_in(tmp_path) == []
