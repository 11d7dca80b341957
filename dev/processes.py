"""Find and end processes, by what the kernel tells of them in /proc."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
PAUSE = 0.05


def everyone() -> list[int]:
    """Return the ids of all processes but this one."""
    found = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return [pid for pid in found if pid != os.getpid()]


def marked(mark: str) -> list[int]:
    """Return the processes that were started with the environment entry `mark` ("NAME=value")."""
    wanted = mark.encode()
    found = []
    for pid in everyone():
        try:
            entries = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or is another account's
        if wanted in entries:
            found.append(pid)
    return found


def works_in(pid: int, folder: Path) -> bool:
    """Tell whether a process lives and has `folder` as its working folder. A zombie has none."""
    try:
        return str((PROC / str(pid) / "cwd").readlink()) == str(folder)
    except OSError:
        return False


def working_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is `folder`."""
    return [pid for pid in everyone() if works_in(pid, folder)]


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end(find: Callable[[], list[int]], *, grace: float) -> None:
    """End all processes that `find` finds: ask them, and after `grace` seconds kill those that are left."""
    for pid in find():
        send(pid, signal.SIGTERM)
    if wait_until(lambda: not find(), grace):
        return
    for pid in find():
        send(pid, signal.SIGKILL)
    wait_until(lambda: not find(), grace)
