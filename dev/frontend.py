"""The front end: built by Node from PyPI, and only when its sources changed."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

from dev.console import Refusal, say
from dev.places import PROGRAMS, ROOT

SOURCES = ROOT / "app" / "web" / "frontend"
BUILT = ROOT / "app" / "web" / "static" / "build"
_LAST = 5
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def fingerprint(folder: Path = SOURCES) -> str:
    """Return what a build of these sources is known by."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def ensure(sources: Path = SOURCES, built: Path = BUILT, npm: Path = PROGRAMS / "npm") -> None:
    """Build the front end where its sources are not those of the present build."""
    mark, stamp = fingerprint(sources), built / ".stamp"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == mark:
        return
    if not npm.exists():
        raise Refusal(f"{npm} is missing, which builds the front end: `python3 -m dev setup` installs Node.")
    say("Installing what the front end is built of (npm)")
    _run(npm, "ci", "--no-audit", "--no-fund", folder=sources)
    say("Building the front end")
    _run(npm, "run", "build", folder=sources)
    stamp.write_text(mark, encoding="utf-8")


def _run(npm: Path, *words: str, folder: Path) -> None:
    # Its own Node first: npm starts programs by the name alone.
    env = os.environ | {
        "PATH": f"{npm.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "npm_config_update_notifier": "false",
    }
    done = subprocess.run([str(npm), *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [_COLOR.sub("", line) for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        hint = " Is the npm registry reachable?" if words[0] == "ci" else ""
        raise Refusal("\n".join([f"npm {' '.join(words)} failed.{hint}", *said[-_LAST:]]))
