"""The virtual environment: made from the requirement files, and only when they changed."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dev.console import Refusal, follow, say
from dev.places import ROOT, VENV

INSTALLER = "requirements-installer.txt"
RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"
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


def ensure(*, development: bool, checkout: Path = ROOT) -> None:
    """Install into `.venv` of a checkout what runs the service and, if asked, what tests it. Quick when it is there.

    The pinned pip of ``requirements-installer.txt`` is installed first and installs the rest: pip before 24 refuses a
    hashed lock in which one package is pinned and another asks for an extra of it, once the pin is not the newest.
    """
    venv, installer, runtime = checkout / VENV.name, checkout / INSTALLER, checkout / RUNTIME
    wanted = {"run": [runtime]} | ({"tests": [runtime, checkout / DEVELOPMENT]} if development else {})
    marks = {name: fingerprint([installer, *files], place=venv) for name, files in wanted.items()}
    if all(is_stamped(venv, name, mark) for name, mark in marks.items()):
        return
    if not _works(venv):
        _make(venv)
    _install_locked(venv, [installer])
    _install_locked(venv, list(wanted.values())[-1])
    for name, mark in marks.items():
        stamp(venv, name, mark)


def _make(venv: Path) -> None:
    say(f"Making {venv.name} with Python {PYTHON}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", venv], capture_output=True, text=True, check=False)
    if made.returncode:
        raise Refusal(f"{venv} cannot be made: {_last_line(made.stderr or made.stdout)}")


def _install_locked(venv: Path, files: Sequence[Path]) -> None:
    """Install the packages of lock files by the environment's own pip.

    A package without a wheel is built by what the environment holds: else pip fetches build tools that no lock names.
    """
    total = len({name for file in files for name in PINNED.findall(file.read_text(encoding="utf-8"))})
    say(f"Installing {total} Python packages, those of {' and '.join(file.name for file in files)}")
    listed = [word for file in files for word in ("-r", str(file))]
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    env = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [*pip, "--require-hashes", "--no-build-isolation", *listed]
    follow(command, step=LOOKED_AT, total=total, landmark="Installing collected packages", env=env)


def _works(venv: Path) -> bool:
    """Tell whether the environment has a pip that works, is of the Python that runs us, and was made where it lies.

    The programs of an environment name its place: in a checkout that was moved or copied they run another's.
    """
    probe = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        if str(venv) not in (venv / "bin" / "pip").read_text(encoding="utf-8"):
            return False
        found = subprocess.run([venv / "bin" / "python", "-c", probe], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return found.returncode == 0 and found.stdout.strip() == PYTHON


def _last_line(text: str) -> str:
    return (text.strip().split("\n") or [""])[-1]
