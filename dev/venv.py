"""The virtual environment: made from the requirement files, and only when they changed."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from dev.console import Refusal, follow, say
from dev.places import PROGRAMS, ROOT, VENV

INSTALLER = ROOT / "requirements-installer.txt"
RUNTIME = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"
LOOKED_AT = re.compile(r"(?:Collecting|Requirement already satisfied:) ([^\s;=<>\[(]+)")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def fingerprint(files: Iterable[Path], python: str = PYTHON, place: Path = VENV) -> str:
    """Return what a virtual environment of these requirement files, of this Python and at this place is known by."""
    total = hashlib.sha256(f"{python}\0{place}".encode())
    for file in files:
        total.update(b"\0" + file.read_bytes())
    return total.hexdigest()


def is_stamped(venv: Path, name: str, mark: str) -> bool:
    """Tell whether an environment carries a stamp with this mark."""
    try:
        return (venv / f".stamp-{name}").read_text(encoding="utf-8") == mark
    except OSError:
        return False


def stamp(venv: Path, name: str, mark: str) -> None:
    """Put a stamp on an environment: the last thing done, so that an interrupted set-up has none."""
    draft = venv / f".stamp-{name}.new"
    draft.write_text(mark, encoding="utf-8")
    draft.replace(venv / f".stamp-{name}")


def ensure(*, development: bool) -> None:
    """Make the environment hold what runs the service and, if asked, what tests it. Quick when it does.

    The pinned pip of ``requirements-installer.txt`` is installed first and installs the rest: pip before 24 refuses a
    hashed lock in which one package is pinned and another asks for an extra of it, once the pin is not the newest.
    """
    wanted = {"run": [RUNTIME]} | ({"tests": [RUNTIME, DEVELOPMENT]} if development else {})
    marks = {name: fingerprint([INSTALLER, *files]) for name, files in wanted.items()}
    if all(is_stamped(VENV, name, mark) for name, mark in marks.items()):
        return
    if not _works():
        say(f"Making {VENV.name} with Python {PYTHON}")
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise Refusal(f"{VENV} cannot be made: {_last_line(made.stderr or made.stdout)}")
    _install_locked([INSTALLER])
    files = list(wanted.values())[-1]
    total = len({name for file in files for name in PINNED.findall(file.read_text(encoding="utf-8"))})
    say(f"Installing {total} Python packages, those of {' and '.join(file.name for file in files)}")
    _install_locked(files, total=total)
    for name, mark in marks.items():
        stamp(VENV, name, mark)


def _install_locked(files: Iterable[Path], *, total: int = 1) -> None:
    """Install the packages of lock files by the environment's own pip; `total` is how many there are."""
    listed = [word for file in files for word in ("-r", str(file))]
    pip = [str(PROGRAMS / "python"), "-m", "pip", "install", "--no-input", "--progress-bar", "off", "--require-hashes"]
    env = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    follow([*pip, *listed], step=LOOKED_AT, total=total, landmark="Installing collected packages", env=env)


def _works() -> bool:
    """Tell whether the environment has a pip that works, is of the Python that runs us, and was made where it lies.

    The programs of an environment name its place: in a checkout that was moved or copied they run another's.
    """
    probe = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        if str(VENV) not in (PROGRAMS / "pip").read_text(encoding="utf-8"):
            return False
        found = subprocess.run([PROGRAMS / "python", "-c", probe], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return found.returncode == 0 and found.stdout.strip() == PYTHON


def _last_line(text: str) -> str:
    return (text.strip().split("\n") or [""])[-1]
