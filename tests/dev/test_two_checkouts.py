"""Two checkouts and one port: the first serves on, the second ends with one line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import frontend, venv
from dev.places import ROOT, VENV
from tests.ports import reserve_port
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.alone
OURS = ("MAKE", "SECRET_KEY", "DATABASE", "MEDIA", "MAIL", "CITY", "HOST", "PUBLIC_URL", "PYTEST")


class Checkout:
    """A checkout of its own with what this one has installed; its data and its database are its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root.with_suffix(".log")
        self._started: list[subprocess.Popen[bytes]] = []
        for name in files():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
        environment = root / VENV.name
        environment.mkdir()
        for part in VENV.iterdir():
            if not part.name.startswith(".stamp"):
                (environment / part.name).symlink_to(part)
        locks = [root / venv.INSTALLER, root / venv.RUNTIME]
        venv.stamp(environment, "run", venv.fingerprint(locks, place=environment))
        shutil.copytree(frontend.BUILT, root / frontend.BUILT.relative_to(ROOT))

    def start(self, verb: str, **given: str) -> subprocess.Popen[bytes]:
        """Start a verb of make."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | given
        command = [sys.executable, "-m", "dev", verb]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.root, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._started.append(process)
        return process

    def end(self) -> None:
        """End what was started, and delete the data."""
        for verb in ("stop", "reset"):
            self.start(verb, YES="1").wait(PATIENCE_S)
        for process in self._started:
            process.wait(PATIENCE_S)

    def said(self) -> str:
        """Give what it printed so far."""
        return self.log.read_text(encoding="utf-8")


def files() -> list[str]:
    """Give the files of this checkout that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture
def checkouts(tmp_path: Path) -> Iterator[tuple[Checkout, Checkout]]:
    frontend.ensure()
    first, second = (Checkout(tmp_path / name) for name in ("first", "second"))
    yield first, second
    for each in (first, second):
        each.end()


def test_the_second_run_on_one_port_ends_with_one_line_and_the_first_serves_on(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    first, second = checkouts
    port = reserve_port()
    serving = first.start("run", PORT=str(port))
    wait_until(lambda: "Ready in" in first.said() or serving.poll() is not None, first.said)
    assert serving.poll() is None, first.said()

    refused = second.start("run", PORT=str(port)).wait(PATIENCE_S)

    assert refused == 1
    (line,) = second.said().splitlines()
    assert line.startswith(f"dev: Port {port} is in use. Choose another: make run PORT=")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE_S) as answer:
        assert answer.status == 200
    serving.send_signal(signal.SIGINT)
    assert serving.wait(PATIENCE_S) == 0
    assert '"level": "error"' not in first.said()
    assert first.said().splitlines()[-1] == "Ended. The data stay in var/."
