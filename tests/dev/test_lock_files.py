"""The lock files say exactly what is installed, and belong to what asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-installer", "requirements", "requirements-dev")
# A pinned release, then its hashes, then what asked for it: the form that `make lock` writes.
PIN = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[\w,.-]+\])?==(?P<version>[^\s;]+)(?: ; [^\\\n]+)? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"(?P<askers>(?:    #.*\n)+)"
)
FRONTEND = ROOT / "app/web/frontend"


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    askers: str


def read_lock(name: str) -> list[Pin]:
    return [Pin(m["name"], m["version"], m["askers"]) for m in PIN.finditer((ROOT / f"{name}.txt").read_text())]


def read_wanted(name: str) -> list[Requirement]:
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def npm_lock() -> dict[str, Any]:
    return dict(json.loads((FRONTEND / "package-lock.json").read_text())["packages"])


def places(folder: str, name: str) -> Iterator[str]:
    """Give where Node looks for a package that is asked for by the one in `folder`, nearest first."""
    while folder:
        yield f"{folder}/node_modules/{name}"
        folder = folder.rpartition("/node_modules/")[0]
    yield f"node_modules/{name}"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_nothing_but_pinned_releases_with_hashes(name: str) -> None:
    rest = PIN.sub("", (ROOT / f"{name}.txt").read_text())

    assert [line for line in rest.splitlines() if not line.startswith("#")] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_belongs_to_what_is_asked_for(name: str) -> None:
    asked = {canonicalize_name(wanted.name): wanted.specifier for wanted in read_wanted(name)}
    direct = {pin.name: pin.version for pin in read_lock(name) if f"-r {name}.in\n" in pin.askers}

    # Where they differ, `make lock` has not run since the last change of the .in file.
    assert direct.keys() == asked.keys()
    assert [n for n, specifier in asked.items() if not specifier.contains(direct[n], prereleases=True)] == []


def test_no_two_locks_pin_different_releases_of_one_package() -> None:
    releases: dict[str, dict[str, set[str]]] = {}
    for name in LOCKS:
        for pin in read_lock(name):
            releases.setdefault(pin.name, {}).setdefault(name, set()).add(pin.version)

    # One lock may hold two releases of a package, each for its own Pythons.
    assert {name: found for name, found in releases.items() if len(set(map(frozenset, found.values()))) > 1} == {}


def test_the_lock_of_npm_has_an_exact_version_and_a_strong_hash_of_every_package() -> None:
    loose = [
        path
        for path, entry in npm_lock().items()
        if path and not re.match(r"\d+\.\d+\.\d+\S* sha512-", f"{entry.get('version')} {entry.get('integrity')}")
    ]

    assert loose == []


def test_the_lock_of_npm_has_every_package_that_another_asks_for() -> None:
    packages = npm_lock()
    lacking = [
        (folder, name)
        for folder, entry in packages.items()
        for name in [*entry.get("dependencies", []), *entry.get("optionalDependencies", [])]
        if not any(place in packages for place in places(folder, name))
    ]

    assert lacking == []


def test_the_front_end_asks_for_exact_versions_and_the_lock_of_npm_has_them() -> None:
    package = json.loads((FRONTEND / "package.json").read_text())
    asked = package.get("dependencies", {}) | package.get("devDependencies", {})
    packages = npm_lock()

    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert packages[""].get("dependencies", {}) | packages[""].get("devDependencies", {}) == asked


def test_nothing_tells_to_install_by_another_pip_than_the_pinned_one() -> None:
    texts = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("app/**/*.py"), *ROOT.glob("deploy/**/*")]

    # `python3 -m dev setup` installs the pinned pip first, then the locks.
    assert [str(path) for path in texts if path.is_file() and "pip install" in path.read_text(errors="replace")] == []
