"""The whole way of the set-up, from the pip of Debian 12 on, with locks whose pins are not the newest releases."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dev import venv

pytestmark = pytest.mark.alone
ROOT = Path(__file__).parents[2]
OLD_LOCKS = Path(__file__).parent / "checkout"
# Debian 12 brings 23.0.1; the first one that runs on Python 3.12 and newer has the same fault.
OLD_PIP = "23.0.1" if sys.version_info < (3, 12) else "23.2.1"
ELSEWHERE = {"colorama", "tomli"}  # for Windows, and for older Pythons


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a checkout of old locks and today's installer, with a virtual environment that has the old pip."""
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # half of the time, and nothing of it runs twice
    for lock in (*OLD_LOCKS.glob("*.txt"), ROOT / venv.INSTALLER):
        shutil.copy(lock, tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    own_pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / ".venv/bin/python")]
    subprocess.run([*own_pip, "install", "-q", f"pip=={OLD_PIP}"], check=True)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")  # it would hold what an earlier test built
    monkeypatch.setenv("PIP_FIND_LINKS", str(publish_broken_setuptools(tmp_path)))
    return tmp_path


def publish_broken_setuptools(folder: Path) -> Path:
    """Write the wheel of a newest setuptools that builds nothing; give its folder."""
    wheel = folder / "published" / "setuptools-9999-py3-none-any.whl"
    wheel.parent.mkdir()
    about = {"METADATA": "Metadata-Version: 2.1\nName: setuptools\nVersion: 9999\n", "RECORD": ""}
    about["WHEEL"] = "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in about.items():
            archive.writestr(f"setuptools-9999.dist-info/{name}", text)
    return wheel.parent


def pip(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(checkout / ".venv/bin/python"), "-m", "pip", "--disable-pip-version-check", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def pins(*locks: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", "".join(lock.read_text() for lock in locks), re.MULTILINE))


def test_old_locks_install_from_the_pip_of_debian_on(checkout: Path) -> None:
    refused = pip(checkout, "install", "--require-hashes", "-r", str(checkout / venv.DEVELOPMENT))

    venv.ensure(development=True, checkout=checkout)

    # Where the old pip accepts these locks, the rest proves nothing.
    assert refused.returncode != 0
    assert "coverage[toml]" in refused.stderr
    installed = {row["name"]: row["version"] for row in json.loads(pip(checkout, "list", "--format=json").stdout)}
    wanted = pins(*checkout.glob("*.txt"))
    assert {name for name, version in wanted.items() if installed.get(name) != version} == ELSEWHERE
    assert installed.keys() <= wanted.keys()
